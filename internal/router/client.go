package router

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// client is a connection that came in.
//
// It looks for lines that begin with Content-Length. net/http accepts a request
// that has this and Transfer-Encoding as well, and forgets the former; a proxy
// before us may have believed it. What we send on is framed once and our own
// way, but the connection cannot be trusted to be where we think it is, so it
// ends after the answer (RFC 9112, section 6.1). A body that happens to have
// such a line costs its client a reconnect and nothing else.
//
// It also sees to it that a deadline measures the client and nothing else: see
// Read.
type client struct {
	*net.TCPConn
	entrance             // by which it came in
	silent   atomic.Bool // nothing has come yet
	fair     atomic.Bool // a deadline is set that no read has met yet

	// The server reads, and calls handlers, one after another.
	lineStart bool
	line      []byte // the beginning of the current line, as far as it may be that field
	sawLength bool

	sending atomic.Bool // the last request had a body, which may not have been read to its end
}

var lengthField = []byte("content-length")

func newClient(c *net.TCPConn, by entrance) *client {
	n := &client{TCPConn: c, entrance: by, lineStart: true}
	n.silent.Store(true)
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
	if n > 0 && c.silent.CompareAndSwap(true, false) {
		_ = c.SetReadDeadline(time.Now().Add(headerTimeout))
	}
	if !c.sawLength {
		c.scan(p[:n])
	}
	return n, err
}

// SetReadDeadline is how the server bounds the wait for a header. For the first
// one it begins with the connection; but one that was opened ahead of its first
// request is idle like any other, and its header begins with its first byte.
func (c *client) SetReadDeadline(t time.Time) error {
	ahead := t.After(time.Now())
	if ahead && c.silent.Load() {
		t = t.Add(idleTimeout - headerTimeout)
	}
	c.fair.Store(ahead)
	return c.TCPConn.SetReadDeadline(t)
}

// SetDeadline is what a cut sets.
func (c *client) SetDeadline(t time.Time) error {
	c.fair.Store(false)
	return c.TCPConn.SetDeadline(t)
}

func (c *client) scan(b []byte) {
	for len(b) > 0 {
		if !c.lineStart {
			i := bytes.IndexByte(b, '\n')
			if i < 0 {
				return
			}
			b = b[i+1:]
			c.lineStart, c.line = true, c.line[:0]
			continue
		}
		if len(c.line) > 0 || b[0] != ' ' && b[0] != '\t' {
			c.line = append(c.line, b[0]|0x20) // folds case; what else folds to the same is no field name at all
			if !bytes.HasPrefix(lengthField, c.line) {
				c.lineStart = b[0] == '\n'
				c.line = c.line[:0]
			} else if len(c.line) == len(lengthField) {
				c.sawLength = true
				return
			}
		}
		b = b[1:]
	}
}

// ambiguous reports whether a request may have been framed in two ways.
// Under TLS what is read here is not what was said, so that any may.
func (c *client) ambiguous(r *http.Request) bool {
	return len(r.TransferEncoding) > 0 && (c.sawLength || c.listener.Cert != "")
}

type clientKey struct{}

func withClient(ctx context.Context, nc net.Conn) context.Context {
	if t, ok := nc.(*tls.Conn); ok {
		nc = t.NetConn()
	}
	return context.WithValue(ctx, clientKey{}, nc)
}

func clientOf(r *http.Request) *client {
	c, _ := r.Context().Value(clientKey{}).(*client)
	return c
}
