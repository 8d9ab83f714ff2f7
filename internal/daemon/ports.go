package daemon

import (
	"context"
	"errors"
	"net"
	"strconv"
	"syscall"
)

// portFree reports whether nobody listens on a port of this machine.
func portFree(port int) bool {
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	return err == nil && l.Close() == nil
}

func isAddressInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }
