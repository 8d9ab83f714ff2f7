package router

import (
	"io"
	"time"
)

// Bounds of what is still read of a client that was answered before it had sent
// all of its request.
const (
	lingerFor  = time.Second
	lingerMost = 16 << 20 // bytes
)

// Close ends the connection. A client that may still be sending is first told
// that no more is said, and read to its end for a moment: closing at once would
// reset the connection, and the reset may overtake the answer (RFC 9112, section
// 9.6).
func (c *client) Close() error {
	if !c.sending.Load() || c.CloseWrite() != nil {
		return c.TCPConn.Close()
	}
	go func() {
		_ = c.SetReadDeadline(time.Now().Add(lingerFor))
		_, _ = io.CopyN(io.Discard, c.TCPConn, lingerMost)
		_ = c.TCPConn.Close()
	}()
	return nil
}
