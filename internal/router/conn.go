package router

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"strings"
	"time"
)

const (
	// dialTimeout is for an instance that does not refuse and does not accept. A
	// dead one on this host refuses at once; a busy machine may need seconds.
	dialTimeout    = 10 * time.Second
	mostHeader     = 256 << 10 // bytes of an answer's header, interim answers included
	continueWithin = time.Second
)

// conn is a connection to an instance. It carries one request at a time, and
// knows whether any byte of it was sent.
type conn struct {
	net.Conn
	br        *bufio.Reader
	bw        *bufio.Writer
	sent      int64 // bytes of this request
	header    int64 // bytes of header that may still come; -1: the header has been read
	idleSince time.Time
}

func dial(ctx context.Context, e *endpoint) (*conn, error) {
	d := net.Dialer{Timeout: dialTimeout}
	nc, err := d.DialContext(ctx, "tcp", e.Addr.String())
	if err != nil {
		return nil, err
	}
	if e.isElses() {
		_ = nc.Close()
		return nil, errSomebodyElse
	}
	c := &conn{Conn: nc}
	c.br, c.bw = bufio.NewReader(c), bufio.NewWriter(c)
	return c, nil
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sent += int64(n)
	return n, err
}

var errHeader = fmt.Errorf("the header of the answer is over %d KiB", mostHeader>>10)

func (c *conn) Read(p []byte) (int, error) {
	if c.header < 0 {
		return c.Conn.Read(p)
	}
	if c.header == 0 {
		return 0, errHeader
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), c.header)])
	c.header -= int64(n)
	return n, err
}

// framing names the fields that writeHead writes itself, so that a request is
// framed in exactly one way whatever its client wrote.
var framing = map[string]bool{"Host": true, "Content-Length": true, "Transfer-Encoding": true, "Trailer": true}

// writeHead sends everything before the body. Whether anything at all was sent
// is in c.sent.
func (c *conn) writeHead(r *http.Request, trailer http.Header) error {
	c.sent = 0
	w := c.bw
	w.Reset(c)
	_, _ = w.WriteString(r.Method + " " + r.URL.RequestURI() + " HTTP/1.1\r\nHost: " + r.Host + "\r\n")
	if err := r.Header.WriteSubset(w, framing); err != nil {
		return err
	}
	switch {
	case r.Body == nil && wantsLength(r.Method):
		_, _ = w.WriteString("Content-Length: 0\r\n")
	case r.Body == nil:
	case r.ContentLength >= 0:
		_, _ = fmt.Fprintf(w, "Content-Length: %d\r\n", r.ContentLength)
	default:
		_, _ = w.WriteString("Transfer-Encoding: chunked\r\n")
		for name := range trailer {
			_, _ = w.WriteString("Trailer: " + name + "\r\n")
		}
	}
	_, _ = w.WriteString("\r\n")
	return w.Flush()
}

// writeBody sends the body as it comes.
func (c *conn) writeBody(r *http.Request, trailer http.Header) error {
	buf := buffers.Get()
	defer buffers.Put(buf)
	var w io.Writer = c.bw
	if r.ContentLength < 0 {
		w = httputil.NewChunkedWriter(c.bw)
	}
	for {
		n, err := r.Body.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
			if err := c.bw.Flush(); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	if r.ContentLength < 0 {
		_, _ = c.bw.WriteString("0\r\n")
		_ = trailer.Write(c.bw)
		_, _ = c.bw.WriteString("\r\n")
	}
	return c.bw.Flush()
}

// readHead reads up to the final answer, passing interim ones on. It calls
// proceed when the instance asks for the body.
func (c *conn) readHead(r *http.Request, proceed func()) (*http.Response, error) {
	c.header = mostHeader
	trace := httptrace.ContextClientTrace(r.Context())
	for {
		res, err := http.ReadResponse(c.br, r)
		if err != nil {
			return nil, err
		}
		switch code := res.StatusCode; {
		case code == http.StatusContinue:
			proceed()
		case code == http.StatusSwitchingProtocols && r.Header.Get("Upgrade") == "":
			return nil, errors.New("the instance switched protocols unasked")
		case code < 200 && code != http.StatusSwitchingProtocols:
			if trace != nil && trace.Got1xxResponse != nil {
				if err := trace.Got1xxResponse(code, textproto.MIMEHeader(res.Header)); err != nil {
					return nil, err
				}
			}
		default:
			c.header = -1
			return res, nil
		}
	}
}

// clientError is a body that could not be read: its sender's failure.
type clientError struct{ err error }

func (e *clientError) Error() string { return "reading the request: " + e.err.Error() }
func (e *clientError) Unwrap() error { return e.err }

func expectsContinue(h http.Header) bool {
	return strings.EqualFold(h.Get("Expect"), "100-continue")
}
