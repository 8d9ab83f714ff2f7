package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/http2"
)

// multiplexer asks one address over HTTP/2, many requests on a connection. It
// uses connections one by one: net/http's transport would silently send a request
// again when one breaks, and here that is a loss.
type multiplexer struct {
	way
	transport *http.Transport

	mu    sync.Mutex
	kept  [mostKept]*shared
	turns int
}

// shared is a connection, and when it was made.
type shared struct {
	*http.ClientConn
	made time.Time
}

// mostKept is how many connections a visitor keeps: as many clients.
const mostKept = 4

func newMultiplexer(w way) *multiplexer { return &multiplexer{way: w, transport: w.transport()} }

// ask asks once, on a connection of its own or among others on a kept one.
func (m *multiplexer) ask(method string, body []byte, r Request) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), r.Within)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, m.url.String(), bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set(IDHeader, r.ID)
	c, err := m.reserve(ctx, r.Own)
	if err != nil {
		return answer{}, fmt.Errorf("connect: %w", cause(err))
	}
	if r.Own {
		defer func() { _ = c.Close() }()
	}
	res, err := c.RoundTrip(req) //nolint:bodyclose // read closes it
	if notBegun(err) {
		return answer{}, &unbegunError{err}
	}
	if err != nil {
		return answer{}, &brokenError{"no answer", err, c.made}
	}
	return read(res, c.made)
}

// reserve takes a place on a connection. One that its server takes leave of, or
// that has ended, is replaced.
func (m *multiplexer) reserve(ctx context.Context, own bool) (*shared, error) {
	if own {
		return m.connection(ctx)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turns++
	at := m.turns % mostKept
	if c := m.kept[at]; c != nil && c.Reserve() == nil {
		return c, nil
	}
	c, err := m.connection(ctx)
	m.kept[at] = c // the one before ends with what it carries: its server closes it
	return c, err
}

func (m *multiplexer) connection(ctx context.Context) (*shared, error) {
	c, err := m.transport.NewClientConn(ctx, m.url.Scheme, m.At)
	if err != nil {
		return nil, err
	}
	if err := c.Reserve(); err != nil {
		_ = c.Close()
		return nil, err
	}
	return &shared{c, time.Now()}, nil
}

// unbegunError is a request of which its server has said that it did not begin
// it (RFC 9113, section 8.7): every client asks it again.
type unbegunError struct{ err error }

func (e *unbegunError) Error() string { return "not begun: " + e.err.Error() }
func (e *unbegunError) Unwrap() error { return e.err }

// takenLeave are net/http's words for streams above the last that a GOAWAY names,
// and for connections that could not be used any more when it came to sending.
var takenLeave = []string{"http2: Transport received Server's graceful shutdown GOAWAY", "http2: client conn not usable"}

func notBegun(err error) bool {
	if err == nil {
		return false
	}
	refused, ok := errors.AsType[http2.StreamError](err)
	return ok && refused.Code == http2.ErrCodeRefusedStream || slices.Contains(takenLeave, err.Error())
}
