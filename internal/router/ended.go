package router

import "net/http"

// count counts what became of a request, once, when it has ended. All requests
// come by here, whoever has served them.
func (r *Router) count(f *flight) {
	if f.failed || f.truncated && !f.clientGone() {
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

// answered notes what an instance answered.
func (f *flight) answered(code int) {
	f.status, f.answer = code, code
	f.failed = code >= http.StatusInternalServerError
}
