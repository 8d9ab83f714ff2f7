package router

import (
	"context"
	"net"
	"net/http"
	"time"
)

// keepsUnasked is how long a process that leaves waits for clients that keep a
// connection to ask once more, and to learn with the answer that it ends: by then
// any router would have closed it. Closing it before would meet requests that are
// on their way (RFC 9112, section 9.6).
const keepsUnasked = idleTimeout + deadlineStep

// leave finishes what this process has after another one has taken over: it
// takes nobody in, follows tables, and tells the server, until nothing is open,
// the longest drain is over and so is what clients may keep, or ctx ends.
func (r *Router) leave(ctx context.Context) {
	longest := keepsUnasked
	for _, route := range r.table.Load().routes {
		longest = max(longest, route.Drain)
	}
	r.hall.leaving.Store(true)
	r.news()
	r.until(ctx, longest, func() bool { return r.hall.empty() && r.handed.Load() == 0 && r.open.Load() == 0 })
}

// farewell tells the servers what is left: nothing, unless a drain was too short.
func (r *Router) farewell(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, greeting)
	defer cancel()
	s := r.status()
	r.counted(&s, told{}, time.Now())
	r.lines.tell(ctx, s) // its end says the same of what is in flight
}

// until waits until something is so, for a while at most.
func (r *Router) until(ctx context.Context, most time.Duration, so func() bool) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for !so() {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

// empty reports whether nobody is at a front, nor can come to one: the doors are
// shut, and who came in by them before has a front.
func (h *hall) empty() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.fronts) == 0 && len(h.listeners) == 0
}

// state keeps the number of connections that net/http's server has.
func (r *Router) state(_ net.Conn, s http.ConnState) {
	switch s {
	case http.StateClosed, http.StateHijacked:
		r.handed.Add(-1)
	default:
	}
}
