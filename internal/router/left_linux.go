package router

import (
	"net"

	"golang.org/x/sys/unix"
)

// left reports whether the other end has closed the connection, whatever it has
// sent before.
func left(c *net.TCPConn) (yes bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return true
	}
	err = raw.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		n, err := unix.Poll(fds, 0)
		yes = err == nil && n > 0 && fds[0].Revents != 0
	})
	return yes || err != nil
}
