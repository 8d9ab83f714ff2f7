package daemon

import (
	"context"
	"errors"
	"net"
	"strconv"
	"syscall"

	"github.com/slipway-cd/slipway"
)

// portFree reports whether nobody listens on a port of this machine.
func portFree(port int) bool {
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	return err == nil && l.Close() == nil
}

func isAddressInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }

const maxPort = 1<<16 - 1

// checkRoutePort wants a port to give to routes.
func checkRoutePort(port int) error {
	if port >= 1 && port <= maxPort {
		return nil
	}
	return slipway.Errorf(slipway.Invalid, "--route-port must be a port from 1 to %d, not %d", maxPort, port)
}
