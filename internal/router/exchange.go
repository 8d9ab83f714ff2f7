package router

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// unsentError is a failure before any byte reached the instance: the one case
// in which a request may be sent again.
type unsentError struct{ err error }

func (e *unsentError) Error() string { return "not sent: " + e.err.Error() }
func (e *unsentError) Unwrap() error { return e.err }

var errCut = errors.New("cut: the drain was over")

// roundTrip sends one request to e and returns its answer. Nothing is ever sent
// twice: a connection that turns out to be dead before it took a byte is
// replaced, any other failure is the answer.
func (e *endpoint) roundTrip(r *http.Request, f *flight) (*http.Response, error) {
	for {
		c := e.idle.take(time.Now())
		fresh := c == nil
		if fresh {
			var err error
			if c, err = e.connect(r.Context(), f); err != nil {
				return nil, err
			}
		}
		x := &exchange{endpoint: e, conn: c, flight: f}
		res, err := x.do(r)
		if _, unsent := errors.AsType[*unsentError](err); unsent && !fresh {
			continue // one idle connection fewer: this ends with a fresh one
		}
		return res, err
	}
}

// connect dials e for f, until f is cut.
func (e *endpoint) connect(ctx context.Context, f *flight) (*conn, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if !f.hold(closer(stop)) {
		return nil, errCut
	}
	defer f.drop()
	c, err := dial(ctx, e)
	if err != nil {
		return nil, &unsentError{err}
	}
	return c, nil
}

// closer is a function that ends something.
type closer func()

func (c closer) Close() error {
	c()
	return nil
}

// exchange is one request and its answer on one connection, from the first byte
// sent to the last one received.
type exchange struct {
	endpoint *endpoint
	conn     *conn
	flight   *flight
	unwatch  func() bool // ends the watch over the client
	upload   *upload     // nil without a body
}

// upload is a request's body on its way, while the answer is awaited: either
// may end first.
type upload struct {
	wanted   chan struct{} // closed when the instance asked for the body
	answered chan struct{} // closed when it answered
	ended    chan struct{} // closed when the body was sent or given up
	err      error         // valid once ended
}

func (x *exchange) do(r *http.Request) (*http.Response, error) {
	x.unwatch = context.AfterFunc(r.Context(), func() { _ = x.conn.Close() })
	if !x.flight.hold(x.conn) {
		x.abandon()
		return nil, errCut
	}
	if err := x.conn.writeHead(r, x.flight.in.Trailer); err != nil {
		x.abandon()
		if x.conn.sent == 0 {
			return nil, &unsentError{err}
		}
		return nil, err
	}
	wanted := func() {}
	if r.Body != nil {
		x.upload = &upload{wanted: make(chan struct{}), answered: make(chan struct{}), ended: make(chan struct{})}
		wanted = sync.OnceFunc(func() { close(x.upload.wanted) })
		defer close(x.upload.answered)
		go x.send(r)
	}
	res, err := x.conn.readHead(r, wanted)
	if err != nil {
		x.abandon()
		return nil, x.cause(err)
	}
	if res.StatusCode == http.StatusSwitchingProtocols {
		t := newTunnel(x, res)
		if !x.flight.hold(closer(t.hangUp)) {
			x.abandon()
			return nil, errCut
		}
		res.Body = t
	} else {
		res.Body = &answer{x: x, body: res.Body, last: res.Close}
	}
	return res, nil
}

var errUnwanted = errors.New("answered without asking for the body")

func (x *exchange) send(r *http.Request) {
	u := x.upload
	defer func() {
		close(u.ended)
		if _, client := errors.AsType[*clientError](u.err); client {
			_ = x.conn.Close() // a request that was cut short must not look whole
		}
	}()
	if expectsContinue(r.Header) {
		patience := time.NewTimer(continueWithin)
		defer patience.Stop()
		select {
		case <-u.wanted:
		case <-patience.C:
		case <-u.answered:
			u.err = errUnwanted
			return
		}
	}
	out := *r
	out.Body = &clientBody{ReadCloser: r.Body, flight: x.flight}
	u.err = x.conn.writeBody(&out, x.flight.in.Trailer)
}

// cause prefers the client's failure to the one that it led to.
func (x *exchange) cause(err error) error {
	if x.upload == nil {
		return err
	}
	select {
	case <-x.upload.ended:
		if client, ok := errors.AsType[*clientError](x.upload.err); ok {
			return client
		}
	default:
	}
	return err
}

// abandon ends the exchange and its connection.
func (x *exchange) abandon() {
	x.unwatch()
	x.flight.drop()
	_ = x.conn.Close()
}

// finish ends an exchange whose answer was read to its end, and keeps the
// connection if it is clean.
func (x *exchange) finish(last bool) {
	watched := x.unwatch()
	x.flight.drop()
	if watched && !last && x.bodySent() && x.conn.br.Buffered() == 0 {
		x.endpoint.idle.put(x.conn, time.Now())
		return
	}
	_ = x.conn.Close()
}

// bodySent waits a moment for a sender that has only its last words to say.
func (x *exchange) bodySent() bool {
	if x.upload == nil {
		return true
	}
	moment := time.NewTimer(50 * time.Millisecond)
	defer moment.Stop()
	select {
	case <-x.upload.ended:
		return x.upload.err == nil
	case <-moment.C:
		return false
	}
}

// answer is the body of an answer, which ends the exchange.
type answer struct {
	x     *exchange
	body  io.ReadCloser
	last  bool // the instance closes the connection after it
	ended bool
}

func (a *answer) Read(p []byte) (int, error) {
	n, err := a.body.Read(p)
	if n > 0 {
		a.x.flight.brought(n)
		a.x.flight.patientWrite()
	}
	switch {
	case err == nil || a.ended:
	case err == io.EOF: // a clean end is never wrapped
		a.ended = true
		a.x.finish(a.last)
	default:
		a.x.flight.truncated = true
	}
	return n, err
}

func (a *answer) Close() error {
	if !a.ended {
		a.ended = true
		a.x.abandon()
	}
	return nil
}
