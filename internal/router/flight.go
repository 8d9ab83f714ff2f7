package router

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/slipway-cd/slipway"
)

// flight is one request on its way: from the choice of an instance until its
// answer, stream or tunnel has ended. It counts as in flight at the instance
// that it was acquired from.
type flight struct {
	in       *http.Request
	client   *client
	route    *route
	group    slipway.GroupID // first drawn
	endpoint *endpoint
	cookie   *http.Cookie // keeps the browser with its group; nil: it has it, or needs none

	failed    bool // it counts as an error
	truncated bool // the answer broke off

	mu     sync.Mutex
	ending func() // ends what is under way to the instance, while something is
	isCut  bool
	landed bool
}

type flightKey struct{}

func flightOf(r *http.Request) *flight {
	f, _ := r.Context().Value(flightKey{}).(*flight)
	return f
}

// request is the client's request, carrying f to where it is sent.
func (f *flight) request() *http.Request {
	return f.in.WithContext(context.WithValue(f.in.Context(), flightKey{}, f))
}

// clientGone reports whether nobody waits for the answer any more.
func (f *flight) clientGone() bool { return f.in.Context().Err() != nil }

// hold tells f what a cut shall do. It fails after a cut.
func (f *flight) hold(end func()) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.isCut {
		return false
	}
	f.ending = end
	return true
}

func (f *flight) drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ending = nil
}

// lastWords is how long a client may take to read the end of what was cut.
const lastWords = time.Second

// cut ends f: the instance's side at once, the client's when it has been told,
// or after a moment if it does not listen.
func (f *flight) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.isCut = true
	if f.landed {
		return
	}
	if f.ending != nil {
		f.ending()
	}
	_ = f.client.SetDeadline(time.Now().Add(lastWords))
}

// land ends f by itself. A client whose last bytes were on their way when it
// was cut may have got them all, and keeps its connection.
func (f *flight) land() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.landed = true
	if f.isCut {
		_ = f.client.SetDeadline(time.Time{})
	}
}

func (f *flight) wasCut() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.isCut
}

// retryHeader marks a second attempt; who gets a marked request does not retry
// it, so that retries do not multiply along a chain of services.
const retryHeader = "Slipway-Retry"

// RoundTrip sends the request to the instance that its flight has acquired, and
// once more to another when not a byte of it was sent.
func (r *Router) RoundTrip(req *http.Request) (*http.Response, error) {
	f := flightOf(req)
	res, err := f.endpoint.roundTrip(req, f)
	if err == nil {
		return res, nil
	}
	if _, unsent := errors.AsType[*unsentError](err); !unsent || f.clientGone() || f.wasCut() {
		return nil, err
	}
	if isOurs(err) {
		return nil, err // another instance would not help
	}
	f.endpoint.markDown(time.Now())
	if req.Header.Get(retryHeader) != "" || !r.move(f) {
		return nil, err
	}
	req.Header.Set(retryHeader, "1")
	return f.endpoint.roundTrip(req, f)
}

// move gives f another instance of the table in effect, if there is one and the
// budget allows it.
func (r *Router) move(f *flight) bool {
	now := time.Now()
	for {
		route := r.table.Load().lead(f.in.Host, f.client)
		if route == nil || route.Target != f.route.Target {
			return false
		}
		e := route.other(f.endpoint, f.group, now)
		if e == nil || !route.traffic.retries.take() {
			return false
		}
		if e.acquire(f) {
			f.endpoint.release(f)
			f.route, f.endpoint = route, e
			return true
		}
	}
}
