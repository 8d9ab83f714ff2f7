package sim

import (
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

// router serves the table that it pulled last, and tells of itself late.
type router struct {
	w        *World
	id       slipway.RouterID
	table    map[slipway.TargetID]slipway.Route // on disk: survives a restart
	requests []request                          // in flight
	told     map[slipway.TargetID]slipway.RouteStatus
	silent   bool
}

type request struct {
	target slipway.TargetID
	to     *instance
	boot   string
	until  time.Time
}

func newRouter(w *World, id string) *router {
	return &router{w: w, id: slipway.RouterID(id), table: map[slipway.TargetID]slipway.Route{}, told: map[slipway.TargetID]slipway.RouteStatus{}}
}

// save is the table that routers pull from: fenced, like everything.
func (w *World) save(r slipway.Route) error {
	if last, ok := w.routes[r.Target]; ok && r.Fence.Less(last.Fence) {
		return slipway.Errorf(slipway.Stale, "the route of %s is at %s", r.Target, last.Fence)
	}
	w.routes[r.Target] = r
	return nil
}

func (r *router) pull() {
	if r.silent {
		return
	}
	for _, t := range r.w.targets {
		if route, ok := r.w.routes[t]; ok && route.Fence != r.table[t].Fence {
			r.table[t] = route
			r.w.tell("     %s has route %s of %s", r.id, route.Fence, t)
		}
	}
}

// post tells the server what the router has and what is in flight.
func (r *router) post() {
	if r.silent {
		return
	}
	for _, t := range r.w.targets {
		status := slipway.RouteStatus{Router: r.id, Fence: r.table[t].Fence, InFlight: map[slipway.InstanceID]int{}}
		for _, q := range r.requests {
			if q.target == t {
				status.InFlight[q.to.ID]++
			}
		}
		r.told[t] = status
	}
}

func (r *router) posted(t slipway.TargetID) slipway.RouteStatus {
	if s, ok := r.told[t]; ok {
		return s
	}
	return slipway.RouteStatus{Router: r.id}
}

// restart loses what is in flight; the table is still there.
func (r *router) restart() {
	r.requests = nil
	r.post()
}

// serve takes one request, picked by weight.
func (r *router) serve(t slipway.TargetID) {
	at := slipway.BasisPoints(r.w.rng.IntN(int(slipway.All)))
	for _, share := range r.table[t].Shares {
		if at -= share.Weight; at < 0 {
			r.send(t, share.Endpoints[r.w.rng.IntN(len(share.Endpoints))])
			return
		}
	}
}

func (r *router) send(t slipway.TargetID, e slipway.Endpoint) {
	r.w.counts.Requests++
	to := r.w.driver.at(e.Addr.Port())
	if !r.w.checkSend(r, e, to) {
		return
	}
	r.requests = append(r.requests, request{t, to, to.Boot, r.w.now.Add(r.w.between(time.Millisecond, 3*time.Second))})
}

// finish answers what has run its time.
func (r *router) finish() {
	r.requests = slices.DeleteFunc(r.requests, func(q request) bool {
		return !r.w.now.Before(q.until) || q.to.Boot != q.boot || q.to.Phase == slipway.InstanceBackoff
	})
}

func (r *router) inFlight(i *instance) int {
	n := 0
	for _, q := range r.requests {
		if q.to == i {
			n++
		}
	}
	return n
}

// has reports whether an instance is in the router's table.
func (r *router) has(i *instance) bool { return routes(r.table[i.target], i.ID) }

func routes(r slipway.Route, i slipway.InstanceID) bool {
	return slices.ContainsFunc(r.Shares, func(s slipway.Share) bool {
		return slices.ContainsFunc(s.Endpoints, func(e slipway.Endpoint) bool { return e.Instance == i })
	})
}

// at is who has a port.
func (d *driver) at(port uint16) *instance {
	for _, g := range d.groups {
		for _, i := range g.instances {
			if i.Addr.Port() == port {
				return i
			}
		}
	}
	return nil
}
