package router

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/router/wire"
)

// table is what requests are routed by. It never changes; a new one takes its
// place.
type table struct {
	epoch, version uint64
	routes         map[slipway.TargetID]*route
	ports          map[int]*route // of routes and of previews
	listeners      []wire.Listener
	hosts          map[slipway.EnvironmentName]hosts
}

// route is one target's part of a table.
type route struct {
	slipway.Route
	boot    string      // of this host when the route first arrived with its fence
	why     string      // what is wrong with it
	named   []*endpoint // all that the route names: with weight or without, proven or not
	every   []group     // with weight or without
	weighed split       // as the weights say
	fallen  split       // while a lease has run out: the fallback alone
	lease   *lease      // over all tables
	cookie  string      // its name, when the route is sticky
	streams bool        // some of its instances speak HTTP/2
	drawn   string      // what a cookie says of being drawn by it
	traffic *traffic

	isPreview bool // it leads from a preview door
}

// group is a share that can serve: it has weight and endpoints.
type group struct {
	id        slipway.GroupID
	release   int
	weight    int // basis points
	cookie    string
	endpoints []*endpoint
	meter     *meter   // nil: what is asked there is no traffic
	tallies   []*tally // of the endpoints, in their order; nil: what is drawn so is not counted
}

// split is how traffic is divided over groups.
type split struct {
	groups []group // that can serve
	total  int     // of their weights
}

// traffic is what a target's requests are counted in, over all tables.
type traffic struct {
	requests, errors atomic.Uint64
	retries          budget
	refused          atomic.Uint64
	retried, ejected atomic.Uint64

	tallies map[tallyKey]*tally // the router's lock guards them
}

func emptyTable() *table {
	return &table{routes: map[slipway.TargetID]*route{}, ports: map[int]*route{}}
}

// add puts r into a table that is not in effect yet.
func (t *table) add(r *route) {
	t.routes[r.Target] = r
	t.open(r.Port, r, r)
	if p := r.preview(); p != nil {
		t.open(r.Preview.Port, p, r)
	}
}

// open has port lead to a route, and says at whose it is when it is another's.
func (t *table) open(port int, to, at *route) {
	if port == 0 {
		return
	}
	if other, taken := t.ports[port]; taken {
		at.why = portText(port) + " is the port of " + other.Target.String() + " already"
		return
	}
	t.ports[port] = to
}

// share adds a group to r. One without weight gets nothing; the weight of one
// without endpoints is moved to the others by leaving it out of the total.
func (r *route) share(g group) {
	r.every = append(r.every, g)
	r.weighed.add(g)
	if r.Lease > 0 && g.id == r.Fallback {
		g.weight = int(slipway.All)
		r.fallen.add(g)
	}
}

func (s *split) add(g group) {
	if g.weight <= 0 || len(g.endpoints) == 0 {
		return
	}
	s.groups = append(s.groups, g)
	s.total += g.weight
}

// split is how r's traffic is divided now. A fallback that has nothing to serve
// with gives way to those that have.
func (r *route) split() *split {
	if r.fallen.total > 0 && r.lapsed() {
		return &r.fallen
	}
	return &r.weighed
}

// draw chooses a group at random by weight; nil when none can serve.
func (s *split) draw() *group {
	if s.total == 0 {
		return nil
	}
	n := rand.IntN(s.total)
	for i := range s.groups {
		if n -= s.groups[i].weight; n < 0 {
			return &s.groups[i]
		}
	}
	return nil
}

// other chooses an endpoint for a second attempt: another one of the group that
// was drawn, else of one with at least its weight. A smaller share never gets
// what a bigger one could not serve.
func (r *route) other(failed *endpoint, drawn slipway.GroupID, now time.Time) *endpoint {
	groups := r.split().groups
	own := slices.IndexFunc(groups, func(g group) bool { return g.id == drawn })
	if own < 0 {
		return nil
	}
	if n := groups[own].least(failed, now); n >= 0 {
		return groups[own].endpoints[n]
	}
	for i, g := range groups {
		if i != own && g.weight >= groups[own].weight {
			if n := g.least(failed, now); n >= 0 {
				return g.endpoints[n]
			}
		}
	}
	return nil
}

// least is where the endpoint is with the fewest requests in flight, any of them
// when several have as few; -1: there is none but one. Those that refused a connection lately are passed over
// while they are at most half of the group.
func (g *group) least(not *endpoint, now time.Time) int {
	down := 0
	for _, e := range g.endpoints {
		if e.isDown(now) {
			down++
		}
	}
	pass := down*2 <= len(g.endpoints)
	best, fewest := -1, 0
	start := rand.IntN(len(g.endpoints))
	for i := range g.endpoints {
		at := (start + i) % len(g.endpoints)
		e := g.endpoints[at]
		if e == not || pass && e.isDown(now) {
			continue
		}
		if n := e.inFlight(); best < 0 || n < fewest {
			best, fewest = at, n
		}
	}
	return best
}

// arm is where a request is counted that the endpoint at that place gets; nil:
// nowhere.
func (g *group) arm(at int) *arm {
	if g.tallies == nil {
		return nil
	}
	return g.tallies[at].arm()
}
