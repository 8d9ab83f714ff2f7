package router

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/router/wire"
)

// What is counted for those who compare versions is told to each server: at every
// report where traffic is divided, what has changed, and now and then all of it, for
// a server that was started anew has forgotten; elsewhere now and then what has
// changed.

const (
	comparedEvery = 250 * time.Millisecond // a report, while traffic is divided
	alwaysEvery   = 10 * time.Second
	mostCounted   = 8 << 20 // bytes of a report, at least as many as that are left for the rest

	mostTallies  = 4096        // of a target
	neverCounted = time.Minute // after which a tally of an old route goes that has counted nothing
)

// divided reports whether versions are compared by what is counted of r's traffic,
// or are about to be.
func (r *route) divided() bool {
	weighed := 0
	for _, g := range r.every {
		if g.weight > 0 {
			weighed++
		}
	}
	return weighed > 1 || r.Lease > 0 || r.Preview != nil
}

// reckon has requests counted by r: those that are drawn by its weights. Where a
// group cannot serve, its share goes to the others, which is no draw; nor is it
// while a lease has run out.
func (r *route) reckon() {
	for _, g := range r.every {
		if g.weight > 0 && len(g.endpoints) == 0 {
			return
		}
	}
	for n := range r.weighed.groups {
		g := &r.weighed.groups[n]
		g.tallies = make([]*tally, len(g.endpoints))
		for m, e := range g.endpoints {
			g.tallies[m] = r.traffic.tally(tallyKey{r.Fence, g.id, e}, slipway.BasisPoints(g.weight))
		}
	}
}

// tally is the one tally of a key. The router's lock guards it, as all tallies of t.
func (t *traffic) tally(key tallyKey, weight slipway.BasisPoints) *tally {
	of := t.tallies[key]
	if of == nil {
		of = &tally{tallyKey: key, weight: weight}
		if t.tallies == nil {
			t.tallies = map[tallyKey]*tally{}
		}
		t.tallies[key] = of
	}
	of.retired = time.Time{}
	return of
}

// forget drops tallies of routes before the one with that fence, a while after it
// has come and when nothing of theirs is in flight.
func (t *traffic) forget(live slipway.Fence, now time.Time) {
	for key, of := range t.tallies {
		switch {
		case key.fence == live:
		case of.retired.IsZero():
			of.retired = now
		case now.Sub(of.retired) > neverCounted:
			still, unused := of.idle()
			if unused || still && now.Sub(of.retired) > keptFor {
				delete(t.tallies, key)
			}
		}
	}
	if len(t.tallies) <= mostTallies {
		return
	}
	all := slices.SortedFunc(maps.Keys(t.tallies), func(a, b tallyKey) int {
		return cmp.Or(cmp.Compare(a.fence.Epoch, b.fence.Epoch), cmp.Compare(a.fence.Generation, b.fence.Generation))
	})
	for _, key := range all[:len(all)-mostTallies] {
		if key.fence != live {
			delete(t.tallies, key)
		}
	}
}

// forget drops tallies that nobody asks for any more.
func (r *Router) forget(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, route := range r.table.Load().routes {
		route.traffic.forget(route.Fence, now)
	}
}

// pace is how often the servers hear of what has not changed.
func (r *Router) pace() time.Duration {
	for _, route := range r.table.Load().routes {
		if route.divided() {
			return comparedEvery
		}
	}
	return reportEvery
}

// told is what one server knows of what is counted.
type told struct {
	marks map[*arm]mark
	all   time.Time // when it was told all of it
}

// counted adds to s what is counted and news to a server that was told that much.
// What it returns is what the server knows once it has taken s.
func (r *Router) counted(s *wire.Status, was told, now time.Time) (is told) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := teller{was: was.marks, marks: map[*arm]mark{}, now: now, room: mostCounted}
	always := now.Sub(was.all) >= alwaysEvery
	live := r.table.Load()
	for _, compared := range []bool{true, false} { // whoever compares comes first
		for n := range s.Targets {
			t := &s.Targets[n]
			route := live.routes[t.Target]
			if route == nil || route.divided() != compared {
				continue
			}
			t.Divided = compared
			if c.all = compared && always; compared || always {
				c.tell(t, route.traffic)
			}
		}
	}
	if always {
		return told{c.marks, now} // without those of tallies that are no more
	}
	is = told{maps.Clone(was.marks), was.all}
	maps.Copy(is.marks, c.marks)
	return is
}

// teller tells a server what is counted, as far as there is room.
type teller struct {
	was   map[*arm]mark // that the server knows
	marks map[*arm]mark // that it knows then
	now   time.Time
	all   bool // what it knows is told again
	room  int  // bytes
}

// wants notes what the server knows of an arm, and reports whether it is to be told.
func (c *teller) wants(a *arm, is mark) bool {
	was := c.was[a]
	news := is.ended != was.ended || is.late != was.late || is.open > 0 || was.open > 0 || c.all && is.ended > 0
	if news = news && c.room > 0; !news {
		is = was
	}
	if is != (mark{}) {
		c.marks[a] = is
	}
	return news
}

func (c *teller) tell(to *wire.Target, t *traffic) {
	for key, of := range t.tallies {
		for n, seen := range of.look(c.now, c.wants) {
			if seen == nil {
				continue
			}
			counted := slipway.Counted{
				Fence: key.fence, Group: key.group, Weight: of.weight, Instance: key.endpoint.Instance, Placebo: n == 1,
				Tally: seen.tally(),
			}
			c.room -= 300 + 16*(len(counted.Took)+len(counted.Open)) // about what it takes
			to.Counted = append(to.Counted, counted)
		}
	}
}
