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
	deaf     bool                               // nothing reaches it
	mute     bool                               // nothing that it says arrives

	contact time.Time // when it heard of the server last; zero: not since it started
	keeps   time.Time // since when it has kept its leases
	lapsed  map[slipway.TargetID]bool
	carried map[slipway.GroupID][]carry // what groups had of the traffic, the newest last

	doubted map[slipway.TargetID]bool // its route is a backup's: nobody knows who has the addresses

	registered bool // by its first report: drains wait for it
}

type request struct {
	target slipway.TargetID
	to     *instance
	boot   string
	until  time.Time
}

// carry is what a group has of the traffic, from a time on.
type carry struct {
	since  time.Time
	weight slipway.BasisPoints
}

// report is what a router has said of a target, and when.
type report struct {
	slipway.RouteStatus
	at, keeps time.Time // true time
}

func newRouter(w *World, id string) *router {
	return &router{
		w: w, id: slipway.RouterID(id), contact: w.now, keeps: w.now,
		table: map[slipway.TargetID]slipway.Route{}, lapsed: map[slipway.TargetID]bool{}, doubted: map[slipway.TargetID]bool{}, carried: map[slipway.GroupID][]carry{},
	}
}

// save is the table that routers pull from: fenced, like everything.
func (w *World) save(r slipway.Route) error {
	if last, ok := w.routes[r.Target]; ok && r.Fence.Less(last.Fence) && !w.options.Unfenced {
		return slipway.Errorf(slipway.Stale, "the route of %s is at %s", r.Target, last.Fence)
	}
	w.routes[r.Target] = r
	return nil
}

// pull fetches the newest routes, if the router counts, but for those that are
// older than what it has. To have heard is to keep leases, or to take weights up again.
func (r *router) pull() {
	if r.deaf {
		return
	}
	r.contact = r.w.now
	for _, t := range r.w.targets {
		route, ok := r.w.routes[t]
		if counts := r.registered || r.w.options.Eager; ok && counts && r.table[t].Fence.Less(route.Fence) {
			_, knows := r.table[t]
			r.doubted[t] = !knows && route.Fence.Epoch < r.w.store.epoch && !r.w.options.Trusting
			r.table[t] = route
			r.w.tell("     %s has route %s of %s", r.id, route.Fence, t)
		}
		if r.lapsed[t] {
			r.keeps = r.w.now
			r.w.tell("     %s takes up the weights of %s again", r.id, t)
		}
		r.lapsed[t] = false
		r.weigh(t)
	}
}

// live answers what has run its time and gives leased weights back when the
// server was not heard for too long.
func (r *router) live() {
	r.requests = slices.DeleteFunc(r.requests, func(q request) bool {
		return !r.w.now.Before(q.until) || q.to.Boot != q.boot || q.to.Phase == slipway.InstanceBackoff
	})
	for _, t := range r.w.targets {
		route := r.table[t]
		if route.Lease == 0 || r.lapsed[t] || r.w.now.Before(r.contact.Add(route.Lease)) {
			continue
		}
		r.lapsed[t] = true
		r.w.fault("lapsed")
		r.w.tell("     %s has not heard of the server and sends all of %s to %s", r.id, t, route.Fallback)
		r.weigh(t)
	}
}

// weigh notes what each group of a target has of the traffic now.
func (r *router) weigh(t slipway.TargetID) {
	for _, share := range r.table[t].Shares {
		weight := share.Weight
		if r.lapsed[t] {
			weight = 0
			if share.Group == r.table[t].Fallback {
				weight = slipway.All
			}
		}
		past := r.carried[share.Group]
		if len(past) == 0 || past[len(past)-1].weight != weight {
			r.carried[share.Group] = append(past, carry{r.w.now, weight})
		}
	}
	for g, past := range r.carried {
		gone := !slices.ContainsFunc(r.table[t].Shares, func(s slipway.Share) bool { return s.Group == g })
		if gone && r.w.of(g) == t && past[len(past)-1].weight != 0 {
			r.carried[g] = append(past, carry{r.w.now, 0})
		}
	}
}

// remember takes over what the router in another place has carried, until now: a
// deployment that was held there needs not be held again.
func (r *router) remember(gone *router) {
	for g, past := range gone.carried {
		r.carried[g] = append(slices.Clip(past), carry{r.w.now, 0})
	}
}

// longest is for how long without a break a group had at least a weight, up to
// a time.
func (r *router) longest(g slipway.GroupID, weight slipway.BasisPoints, until time.Time) time.Duration {
	var best time.Duration
	var since time.Time
	for _, c := range append(slices.Clip(r.carried[g]), carry{since: until}) {
		switch enough := c.weight >= weight && c.since.Before(until); {
		case enough && since.IsZero():
			since = c.since
		case !enough && !since.IsZero():
			best, since = max(best, c.since.Sub(since)), time.Time{}
		}
	}
	return best
}

// post tells the servers what the router has and what is in flight. It counts
// from then on.
func (r *router) post() {
	if r.mute {
		return
	}
	r.registered = true
	for _, s := range r.w.servers {
		said := map[slipway.TargetID]report{}
		for _, t := range r.w.targets {
			said[t] = r.report(t)
		}
		s.heard[r.id] = said
	}
}

func (r *router) report(t slipway.TargetID) report {
	status := slipway.RouteStatus{Router: r.id, Fence: r.table[t].Fence, InFlight: map[slipway.InstanceID]int{}, Lapsed: r.lapsed[t]}
	for _, q := range r.requests {
		if q.target == t {
			status.InFlight[q.to.ID]++
		}
	}
	return report{status, r.w.now, r.keeps}
}

// observe is what a server knows of a router: nothing, if it has not heard of
// it since it started.
func (s *server) observe(r *router, t slipway.TargetID) slipway.RouteStatus {
	said, ok := s.heard[r.id][t]
	if !ok {
		return slipway.RouteStatus{Router: r.id}
	}
	said.Heard, said.Keeps = said.at.Add(s.ahead), said.keeps.Add(s.ahead)
	return said.RouteStatus
}

// restart loses what is in flight; the table is still there, and its leases
// count as run out until the server is heard.
func (r *router) restart() {
	r.requests = nil
	r.contact, r.keeps = time.Time{}, r.w.now
	r.live()
}

// cut keeps the router from hearing, from being heard, or both; or mends it.
func (r *router) cut() {
	if r.deaf || r.mute {
		r.deaf, r.mute = false, false
		r.w.tell("     %s is reached again", r.id)
		return
	}
	what := []string{"router cut off", "router deaf", "router mute"}[r.w.rng.IntN(3)]
	r.deaf, r.mute = what != "router mute", what != "router deaf"
	r.w.fault(what)
	r.w.tell("     %s", string(r.id)+what[len("router"):])
}

// serve takes one request, picked by weight; all go to the fallback once the
// lease has run out.
func (r *router) serve(t slipway.TargetID) {
	at := slipway.BasisPoints(r.w.rng.IntN(int(slipway.All)))
	route := r.table[t]
	for _, share := range route.Shares {
		switch {
		case r.lapsed[t]:
			if share.Group != route.Fallback {
				continue
			}
		case at >= share.Weight:
			at -= share.Weight
			continue
		}
		e := share.Endpoints[r.w.rng.IntN(len(share.Endpoints))]
		if to := r.w.driver.at(e.Addr.Port()); r.doubted[t] && (to == nil || to.Boot != e.Boot) {
			return // it asked who is there
		}
		r.send(t, e)
		return
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
