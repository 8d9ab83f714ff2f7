package router

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
)

// stream is one request and its answer to an instance that speaks HTTP/2: one of
// many on a connection. A cut ends the stream, and not its neighbours.
type stream struct {
	io.ReadCloser // the answer's body
	answer        *http.Response
	flight        *flight
	upload        *clientBody // nil without a body
	end           context.CancelFunc
	pool          *pool
	ended         bool
}

// carrier is a connection that carries streams.
type carrier struct {
	*http.ClientConn
	idleSince time.Time // zero while it carries any
}

// http2Transport makes connections only: it never chooses one, and so never sends
// anything twice.
func http2Transport() *http.Transport {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return &http.Transport{
		Protocols: p, DisableCompression: true, MaxResponseHeaderBytes: mostHeader,
		DialContext: (&net.Dialer{Timeout: dialTimeout}).DialContext,
		HTTP2:       &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
	}
}

// streamTrip sends one request to e over HTTP/2.
func (r *Router) streamTrip(req *http.Request, f *flight) (*http.Response, error) {
	e := f.endpoint
	c, err := e.stream(req.Context(), f, r.http2)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(req.Context())
	s := &stream{flight: f, end: cancel, pool: &e.idle}
	if !f.hold(closer(cancel)) {
		c.Release()
		s.done()
		return nil, errCut
	}
	out := req.WithContext(ctx)
	if req.Body != nil {
		out.Trailer = f.in.Trailer // filled when the body has ended
		s.upload = &clientBody{ReadCloser: req.Body, flight: f}
		out.Body = s.upload
	}
	res, err := c.RoundTrip(out)
	if err != nil {
		s.done()
		if refused, ok := errors.AsType[http2.StreamError](err); ok && refused.Code == http2.ErrCodeRefusedStream && req.Body == nil {
			return nil, &unsentError{err} // not processed, says its code
		}
		return nil, err
	}
	s.ReadCloser, s.answer = res.Body, res
	res.Body = s
	return res, nil
}

// stream reserves a place on a connection to e, and makes one when all are full.
func (e *endpoint) stream(ctx context.Context, f *flight, t *http.Transport) (*carrier, error) {
	if c := e.idle.reserve(); c != nil {
		return c, nil
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if !f.hold(closer(stop)) {
		return nil, errCut
	}
	defer f.drop()
	cc, err := t.NewClientConn(ctx, "http", e.Addr.String())
	if err != nil {
		return nil, &unsentError{err}
	}
	if err = cc.Reserve(); err == nil && e.isElses() {
		err = errSomebodyElse
	}
	if err != nil {
		_ = cc.Close()
		return nil, &unsentError{err}
	}
	c := &carrier{ClientConn: cc}
	e.idle.share(c)
	return c, nil
}

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	s.flight.brought(n)
	if err == io.EOF { // a clean end is never wrapped
		if code := grpcCode(s.answer); code != 0 {
			s.flight.meant = code
		}
	} else if err != nil {
		s.flight.truncated = true
	}
	if n > 0 {
		s.flight.patientWrite()
	}
	return n, err
}

func (s *stream) Close() error {
	if s.upload != nil && !s.upload.ended.Load() {
		s.end() // the instance does not want the rest, and Close would wait for it
	}
	err := s.ReadCloser.Close()
	s.done()
	return err
}

func (s *stream) done() {
	if !s.ended {
		s.ended = true
		s.flight.drop()
		s.end()
		s.pool.leaveEmpty()
	}
}

// clientBody is a request's body, whose errors are its sender's.
type clientBody struct {
	io.ReadCloser
	flight *flight
	ended  atomic.Bool
	closed atomic.Bool // nobody wants the rest
}

func (b *clientBody) Read(p []byte) (int, error) {
	b.flight.patientRead(true)
	if b.closed.Load() {
		return 0, &clientError{http.ErrBodyReadAfterClose}
	}
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.ended.Store(true)
		b.flight.patientRead(false)
	}
	if err != nil && err != io.EOF { // a clean end is never wrapped
		err = &clientError{err}
	}
	return n, err
}

// Close wakes who reads: the connection to the instance may have ended, and the client
// has nothing to say.
func (b *clientBody) Close() error {
	if b.closed.Store(true); !b.ended.Load() {
		b.flight.hurryRead()
	}
	return b.ReadCloser.Close()
}

// reserve takes a place on a connection that carries streams already; nil: all
// are full.
func (p *pool) reserve() *carrier {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.streams {
		if c.Reserve() == nil {
			return c
		}
	}
	return nil
}

// share lets others use a new connection too.
func (p *pool) share(c *carrier) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.streams = append(p.streams, c)
}

// leaveEmpty closes connections that may not be used any more and are not.
func (p *pool) leaveEmpty() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		p.dropStreams(time.Time{})
	}
}

// dropStreams closes connections that carry nothing: at once when now is zero,
// else when they have not for long. It forgets those that have ended.
func (p *pool) dropStreams(now time.Time) {
	p.streams = slices.DeleteFunc(p.streams, func(c *carrier) bool {
		switch {
		case c.Err() != nil:
			return true
		case c.InFlight() > 0:
			c.idleSince = time.Time{}
			return false
		case !now.IsZero() && c.idleSince.IsZero():
			c.idleSince = now
			return false
		case !now.IsZero() && now.Sub(c.idleSince) < longestStreamless:
			return false
		}
		_ = c.Close()
		return true
	})
}
