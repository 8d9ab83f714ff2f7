//go:build unix

package router

import (
	"net"
	"syscall"
)

// alive reports whether an idle connection can take a request: its peer has not
// closed it, and has sent nothing that nobody asked for.
func alive(c net.Conn) bool {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	var n int
	var readErr error
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		n, readErr = syscall.Read(int(fd), b[:])
		return true // never wait
	})
	return err == nil && n <= 0 && (readErr == syscall.EAGAIN || readErr == syscall.EWOULDBLOCK)
}

// here reads what has come already, whatever deadlines say; 0 when nothing has.
func here(c syscall.Conn, p []byte) (n int) {
	raw, err := c.SyscallConn()
	if err != nil || len(p) == 0 {
		return 0
	}
	_ = raw.Control(func(fd uintptr) { n, err = syscall.Read(int(fd), p) })
	if err != nil {
		return 0
	}
	return n
}
