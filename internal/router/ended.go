package router

import (
	"net/http"
	"time"

	"github.com/slipway-cd/slipway"
)

// count counts what became of a request, once, when it has ended. All requests
// come by here, whoever has served them.
func (r *Router) count(f *flight) {
	if f.failed || f.truncated && !f.clientGone() || f.tunnelled() != succeeded {
		f.route.traffic.errors.Add(1)
	}
	if f.endpoint.judge(f) {
		f.route.traffic.ejected.Add(1)
	}
	r.record(f)
}

// enter counts a request as one of its route, once, when it is sent to an
// instance or refused for want of one.
func (t *traffic) enter() {
	t.requests.Add(1)
	t.retries.save()
}

// failure is how f has failed, as far as is known at that time. Who has the last of
// an answer has not waited for nothing; who leaves without may have waited long.
func (f *flight) failure(at time.Time) failure {
	switch {
	case f.fault != succeeded:
		return f.fault
	case f.meant >= http.StatusInternalServerError:
		return answered5xx
	case f.completed:
		return succeeded
	case f.truncated && !f.clientGone():
		return f.loss()
	case at.Sub(later(f.began, f.heard)) > slipway.LateAbort:
		return aborted
	}
	return succeeded
}

// afterwards is how f has failed after it was settled. Whoever leaves what may go on for
// as long as both like has not waited for nothing, nor is it the instance's fault that
// a drain ends it, or that it had nothing to say for long.
func (f *flight) afterwards() failure {
	switch {
	case f.meant >= http.StatusInternalServerError:
		return answered5xx
	case f.tunnelled() != succeeded:
		return f.tunnelled()
	case f.truncated && !f.clientGone() && !f.quiet.Load() && !f.wasCut():
		return brokeOff
	}
	return succeeded
}

// tunnelled is how the instance has failed in another protocol.
func (f *flight) tunnelled() failure { return failure(f.tunnel.Load()) }

// loss is why the instance did not answer to the end.
func (f *flight) loss() failure {
	if f.quiet.Load() || f.wasCut() {
		return timedOut
	}
	return brokeOff
}

// brought notes that n more bytes of the answer came.
func (f *flight) brought(n int) {
	if n > 0 && f.moved.Add(int64(n)) > int64(n) {
		f.heard = time.Now()
	}
}

func (f *flight) refused() bool {
	return f.meant >= http.StatusBadRequest && f.meant < http.StatusInternalServerError
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// answered notes what an instance answered.
func (f *flight) answered(code int) {
	f.status, f.answer, f.meant = code, code, code
	f.failed = code >= http.StatusInternalServerError
}
