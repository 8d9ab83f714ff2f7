package router

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// client is a connection that came in. It sees to it that a deadline measures
// the client and nothing else: see Read.
type client struct {
	*net.TCPConn
	entrance             // by which it came in
	fair     atomic.Bool // a deadline is set that no read has met yet
	from     string      // the address that it came from
	front    *front

	sending atomic.Bool // the last request had a body, which may not have been read to its end
}

func newClient(c *net.TCPConn, by entrance) *client {
	n := &client{TCPConn: c, entrance: by}
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		n.from = a.AddrPort().Addr().Unmap().WithZone("").String()
	}
	return n
}

// Read reads what has come, and that before it says that a deadline has passed:
// where this process did not run for as long, the deadline passed while the
// bytes lay here. It does so once for each deadline, so that who sends without
// end is stopped by one.
func (c *client) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) && c.fair.CompareAndSwap(true, false) {
		if m := here(c.TCPConn, p); m > 0 {
			n, err = m, nil
		}
	}
	return n, err
}

// SetReadDeadline bounds the wait for a request.
func (c *client) SetReadDeadline(t time.Time) error {
	c.fair.Store(t.After(time.Now()))
	return c.TCPConn.SetReadDeadline(t)
}

// hurry ends the wait for a request, after one more look at what has come.
func (c *client) hurry() {
	c.fair.Store(true)
	_ = c.TCPConn.SetReadDeadline(time.Unix(1, 0))
}

// SetDeadline is what a cut sets.
func (c *client) SetDeadline(t time.Time) error {
	c.fair.Store(false)
	return c.TCPConn.SetDeadline(t)
}

type clientKey struct{}

func withClient(ctx context.Context, nc net.Conn) context.Context {
	var c *client
	switch nc := nc.(type) {
	case *front:
		c = nc.client
	case tlsFront:
		c = nc.client
	case *tls.Conn:
		c, _ = nc.NetConn().(*client)
	}
	return context.WithValue(ctx, clientKey{}, c)
}

func clientOf(r *http.Request) *client {
	c, _ := r.Context().Value(clientKey{}).(*client)
	return c
}
