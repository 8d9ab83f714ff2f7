package router

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/slipway-cd/slipway"
)

// table is what requests are routed by. It never changes; a new one takes its
// place.
type table struct {
	epoch, version uint64
	routes         map[slipway.TargetID]*route
	ports          map[int]*route
}

// route is one target's part of a table.
type route struct {
	slipway.Route
	boot    string      // of this host when the route first arrived with its fence
	why     string      // what is wrong with it
	named   []*endpoint // all that the route names, with weight or without
	groups  []group     // that can serve
	total   int         // of their weights
	traffic *traffic
}

// group is a share that can serve: it has weight and endpoints.
type group struct {
	id        slipway.GroupID
	weight    int // basis points
	endpoints []*endpoint
}

// traffic is what a target's requests are counted in, over all tables.
type traffic struct {
	requests, errors atomic.Uint64
	retries          budget
}

func emptyTable() *table {
	return &table{routes: map[slipway.TargetID]*route{}, ports: map[int]*route{}}
}

// add puts r into a table that is not in effect yet.
func (t *table) add(r *route) {
	t.routes[r.Target] = r
	if r.Port == 0 {
		return
	}
	if other, taken := t.ports[r.Port]; taken {
		r.why = portText(r.Port) + " is the port of " + other.Target.String() + " already"
		return
	}
	t.ports[r.Port] = r
}

// share adds a group to r. One without weight gets nothing; the weight of one
// without endpoints is moved to the others by leaving it out of the total.
func (r *route) share(g group) {
	r.named = append(r.named, g.endpoints...)
	if g.weight <= 0 || len(g.endpoints) == 0 {
		return
	}
	r.groups = append(r.groups, g)
	r.total += g.weight
}

// draw chooses a group at random by weight; nil when none can serve.
func (r *route) draw() *group {
	if r.total == 0 {
		return nil
	}
	n := rand.IntN(r.total)
	for i := range r.groups {
		if n -= r.groups[i].weight; n < 0 {
			return &r.groups[i]
		}
	}
	return nil
}

// other chooses an endpoint for a second attempt: another one of the group that
// was drawn, else of one with at least its weight. A smaller share never gets
// what a bigger one could not serve.
func (r *route) other(failed *endpoint, drawn slipway.GroupID, now time.Time) *endpoint {
	own := slices.IndexFunc(r.groups, func(g group) bool { return g.id == drawn })
	if own < 0 {
		return nil
	}
	if e := r.groups[own].least(failed, now); e != nil {
		return e
	}
	for i, g := range r.groups {
		if i != own && g.weight >= r.groups[own].weight {
			if e := g.least(failed, now); e != nil {
				return e
			}
		}
	}
	return nil
}

// least is the endpoint with the fewest requests in flight, any of them when
// several have as few. Those that refused a connection lately are passed over
// while they are at most half of the group.
func (g *group) least(not *endpoint, now time.Time) *endpoint {
	down := 0
	for _, e := range g.endpoints {
		if e.isDown(now) {
			down++
		}
	}
	pass := down*2 <= len(g.endpoints)
	var best *endpoint
	fewest := 0
	start := rand.IntN(len(g.endpoints))
	for i := range g.endpoints {
		e := g.endpoints[(start+i)%len(g.endpoints)]
		if e == not || pass && e.isDown(now) {
			continue
		}
		if n := e.inFlight(); best == nil || n < fewest {
			best, fewest = e, n
		}
	}
	return best
}
