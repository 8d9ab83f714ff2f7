package daemon

import (
	"context"
	"errors"
	"net"
	"strconv"
	"syscall"
)

// portFree says which ports routes may listen on: those from first up that
// nobody listens on now.
func portFree(first int) func(port int) bool {
	return func(port int) bool {
		if port < first || port > 65535 {
			return false
		}
		var lc net.ListenConfig
		l, err := lc.Listen(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return false
		}
		return l.Close() == nil
	}
}

func isAddressInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }
