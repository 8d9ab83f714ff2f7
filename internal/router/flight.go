package router

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
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
	arm      *arm            // that it is counted in; nil: it is not, or was already. Guarded by the endpoint's lock once it is there
	settled  *arm            // that it was counted in when its answer began; the same guards it
	endpoint *endpoint
	cookie   *http.Cookie             // keeps the browser with its group; nil: it has it, or needs none
	front    *front                   // that forwards it by itself; nil where net/http's server serves
	writer   *http.ResponseController // where net/http's server serves

	began, ended time.Time
	heard        time.Time    // when more of a long answer came; zero: it did not
	trace        string       // ID of its trace; "" where nobody logs it
	status       int          // answered; 0: nothing was
	moved        atomic.Int64 // bytes of the answer, its head included where a front forwards
	failed       bool         // it counts as an error
	truncated    bool         // the answer broke off
	broke        bool         // the instance failed with it in hand
	answer       int          // of the instance; 0: none
	meant        int          // by the answer, in the words of HTTP
	headOnly     bool         // its body is empty
	trial        bool         // it finds out whether the instance is well again
	completed    bool         // the client got all of it
	gone         atomic.Bool  // the client left, and net/http does not know
	quiet        atomic.Bool  // the instance said nothing for too long
	tunnel       atomic.Int32 // the failure in which the instance ended another protocol, which no front forwards
	fault        failure      // why there was no answer

	mu     sync.Mutex
	ending io.Closer // ends what is under way to the instance, while something is
	isCut  bool
	landed bool

	next, prev *flight // at the endpoint, whose lock guards them
}

// reset makes f new for another request of a front.
func (f *flight) reset(fr *front) {
	f.client, f.front = fr.client, fr
	f.began, f.ended, f.status, f.trace = time.Now(), time.Time{}, 0, ""
	f.failed, f.truncated, f.completed, f.broke, f.answer, f.meant = false, false, false, false, 0, 0
	f.heard, f.fault, f.arm, f.settled = time.Time{}, succeeded, nil, nil
	f.moved.Store(0)
	f.gone.Store(false)
	f.quiet.Store(false)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ending, f.isCut, f.landed = nil, false, false
}

// host is the name that the client asked for.
func (f *flight) host() string {
	if f.front != nil {
		return string(f.front.head.host)
	}
	return f.in.Host
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
func (f *flight) clientGone() bool {
	return f.gone.Load() || f.in != nil && f.in.Context().Err() != nil
}

// hold tells f what a cut shall do. It fails after a cut.
func (f *flight) hold(end io.Closer) bool {
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
		_ = f.ending.Close()
	}
	f.bound(time.Now().Add(lastWords))
}

// bound is until when the client may be read from and written to. Of HTTP/2 it
// is one stream of many.
func (f *flight) bound(t time.Time) {
	if f.in != nil && f.in.ProtoMajor == 2 {
		_ = f.writer.SetReadDeadline(t)
		_ = f.writer.SetWriteDeadline(t)
		return
	}
	_ = f.client.SetDeadline(t)
}

// patientRead bounds the silence of a client that sends its request's body. Who
// is slow and sends is waited for.
func (f *flight) patientRead(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.landed || f.isCut || f.writer == nil {
		return
	}
	var until time.Time
	if on {
		until = time.Now().Add(clientSilence)
	}
	_ = f.writer.SetReadDeadline(until)
}

// hurryRead ends the wait for more of the request's body.
func (f *flight) hurryRead() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.landed && !f.isCut && f.writer != nil {
		_ = f.writer.SetReadDeadline(time.Unix(1, 0))
	}
}

// patientWrite bounds how long a client may take nothing of its answer.
func (f *flight) patientWrite() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.landed && !f.isCut && f.writer != nil {
		_ = f.writer.SetWriteDeadline(time.Now().Add(clientSilence))
	}
}

// land ends f by itself. A client whose last bytes were on their way when it
// was cut may have got them all, and keeps its connection.
func (f *flight) land() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.landed = true
	if f.isCut {
		f.bound(time.Time{})
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
	res, err := r.send(req, f)
	if err != nil && r.mayMove(f, err, req.Header.Get(retryHeader) != "") {
		req.Header.Set(retryHeader, "1")
		res, err = r.send(req, f)
	}
	return res, err
}

func (r *Router) send(req *http.Request, f *flight) (*http.Response, error) {
	if f.route.protocol(f.endpoint) == slipway.H2C {
		return r.streamTrip(req, f)
	}
	return f.endpoint.roundTrip(req, f)
}

// mayMove reports whether a request that failed may be sent to another instance,
// which it has acquired then.
func (r *Router) mayMove(f *flight, err error, isRetry bool) bool {
	if _, unsent := errors.AsType[*unsentError](err); !unsent || f.clientGone() || f.wasCut() {
		return false
	}
	if isOurs(err) {
		return false // another instance would not help
	}
	f.endpoint.eject(time.Now())
	f.trial = false
	f.route.traffic.ejected.Add(1)
	return !isRetry && r.move(f)
}

// move gives f another instance of the table in effect, if there is one and the
// budget allows it.
func (r *Router) move(f *flight) bool {
	now := time.Now()
	for {
		route := r.table.Load().lead(f.host(), f.client)
		if route == nil || route.Target != f.route.Target || f.front != nil && route.streams {
			return false
		}
		e := route.other(f.endpoint, f.group, now)
		if e == nil || !route.traffic.retries.take() {
			return false
		}
		f.fault = notConnected
		f.endpoint.unlist(f, now) // it stays in flight there until it is elsewhere
		if e.acquire(f) {
			f.endpoint.uncount()
			route.traffic.retried.Add(1)
			f.route, f.endpoint = route, e
			return true
		}
		f.endpoint.list(f)
	}
}
