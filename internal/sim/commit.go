package sim

import (
	"github.com/slipway-cd/slipway"
)

// What is checked here is what was decided, against what really ran when the
// server that decided looked.

func (s *server) checkCommit(before, next slipway.State, fence slipway.Fence) {
	s.checkOne(next)
	if next.Route != nil && next.Route.Fence == fence {
		s.checkWeights(*next.Route)
	}
	d := next.Deployment
	if d != nil && before.Deployment.Phase == slipway.Pending && d.Phase != slipway.Pending {
		s.w.starts[d.ID] = s.found(before, d)
	}
	s.checkCapacity(before, next)
	if d != nil && before.Deployment.Phase != d.Phase {
		s.checkEnd(before, next)
	}
}

// checkOne: (5) at most one deployment of a target moves.
func (s *server) checkOne(next slipway.State) {
	moving := 0
	for _, d := range s.w.store.deployments {
		if d.Target == next.Target.ID && d.Phase != slipway.Pending && !d.Phase.Ended() {
			moving++
		}
	}
	if moving > 1 {
		s.w.violate("invariant 5: %d deployments of %s move at once", moving, next.Target.ID)
	}
}

// checkWeights: (2) weights total 100 % while anybody is eligible, else 0, and
// go only to groups with somebody ready. Everybody in a new route is ready.
func (s *server) checkWeights(r slipway.Route) {
	total := slipway.BasisPoints(0)
	for _, share := range r.Shares {
		total += share.Weight
		if len(share.Endpoints) == 0 || share.Weight <= 0 {
			s.w.violate("invariant 2: route %s gives %d to %s with %d endpoints", r.Fence, share.Weight, share.Group, len(share.Endpoints))
		}
		for _, e := range share.Endpoints {
			if s.count(r.Target, share.Group, func(g glimpse) bool { return g.id == e.Instance && serves(g) }) == 0 {
				s.w.violate("invariant 2: route %s has %s, which is not ready", r.Fence, e.Instance)
			}
		}
	}
	if len(r.Shares) > 0 && total != slipway.All {
		s.w.violate("invariant 2: the weights of route %s total %d", r.Fence, total)
	}
}

// found is what a deployment finds when it begins to move.
func (s *server) found(before slipway.State, d *slipway.Deployment) start {
	var f start
	f.stops = s.w.stops[d.Stable]
	for _, g := range s.seen {
		_, leaving := before.Draining[g.id]
		switch {
		case g.target != d.Target:
		case serves(g) && !leaving:
			f.ready = append(f.ready, g.id)
		case leaving && g.group == d.Stable && g.phase != slipway.InstanceStopped:
			f.stops++
		}
	}
	return f
}

// checkCapacity: (1) nobody who is ready is taken out when that leaves fewer
// ready ones than there were at the start, or than are wanted.
func (s *server) checkCapacity(before, next slipway.State) {
	t := next.Target.ID
	taken := 0
	for _, g := range s.seen {
		_, was := before.Draining[g.id]
		_, is := next.Draining[g.id]
		if g.target == t && serves(g) && is && !was {
			s.w.taken[g.id] = true
			taken++
		}
	}
	stay := s.count(t, "", func(g glimpse) bool { _, leaving := next.Draining[g.id]; return serves(g) && !leaving })
	if floor := s.floor(next); taken > 0 && stay < floor {
		s.w.violate("invariant 1: %s takes %d out of %s and leaves %d ready of at least %d", s.name, taken, t, stay, floor)
	}
}

// floor is the ready capacity that nobody may go below.
func (s *server) floor(next slipway.State) int {
	t, d := next.Target, next.Deployment
	if d == nil || d.Phase == slipway.Pending || d.Phase.Ended() {
		if t.Stable == "" || next.Specs[t.Stable].Revision.Strategy == slipway.Recreate {
			return 0
		}
		return t.Want
	}
	if d.Stages[0].Order == slipway.Alone {
		return 0
	}
	floor := min(s.remains(d), d.Want)
	if d.Phase == slipway.RollingBack {
		floor = min(floor, t.Want)
	}
	return floor
}

// remains is the capacity that a deployment found, but for crashes.
func (s *server) remains(d *slipway.Deployment) int {
	n := 0
	for _, id := range s.w.starts[d.ID].ready {
		if s.w.taken[id] || s.count(d.Target, "", func(g glimpse) bool { return g.id == id && serves(g) }) > 0 {
			n++
		}
	}
	return n
}

// checkEnd: a deployment ends as it says.
func (s *server) checkEnd(before, next slipway.State) {
	d, t := next.Deployment, next.Target
	runs := func(g glimpse) bool { return g.phase != slipway.InstanceStopped }
	switch d.Phase {
	case slipway.Succeeded:
		if n := s.count(t.ID, d.Candidate, serves); n < d.Want {
			s.w.violate("deployment %d succeeds with %d of %d ready", d.ID, n, d.Want)
		}
		if n := s.count(t.ID, d.Stable, runs); n > 0 && d.Stable != "" {
			s.w.violate("deployment %d succeeds while %d of the old group run", d.ID, n)
		}
		if t.Stable != d.Candidate || next.Specs[t.Stable].Revision.Release != d.Release {
			s.w.violate("deployment %d to @%d succeeds, but %s is stable", d.ID, d.Release, t.Stable)
		}
	case slipway.Failed:
		if n := s.w.stops[d.Stable] - s.w.starts[d.ID].stops; d.Stable != "" && n > 0 {
			s.w.violate("deployment %d says that nothing was touched, but %d of %s were stopped", d.ID, n, d.Stable)
		}
	case slipway.Pending, slipway.Progressing, slipway.RollingBack, slipway.Cancelled, slipway.Superseded, slipway.Stuck:
	case slipway.RolledBack: // 6
		if n := s.count(t.ID, d.Candidate, runs); n > 0 {
			s.w.violate("invariant 6: deployment %d is rolled back while %d of its instances run", d.ID, n)
		}
		if t.Stable != d.Stable || t.Stable != before.Target.Stable || t.Stable != "" && next.Specs[t.Stable].Revision.ID != before.Specs[t.Stable].Revision.ID {
			s.w.violate("invariant 6: deployment %d rolls back to %s, not to %s", d.ID, t.Stable, before.Target.Stable)
		}
		if n := s.count(t.ID, d.Stable, serves); d.Stable != "" && n < min(s.floor(before), t.Want) {
			s.w.violate("invariant 6: deployment %d is rolled back with %d of %s ready", d.ID, n, d.Stable)
		}
	}
}

// count counts what the server saw of a target, of one group or of all.
func (s *server) count(t slipway.TargetID, group slipway.GroupID, like func(glimpse) bool) int {
	n := 0
	for _, g := range s.seen {
		if g.target == t && (group == "" || g.group == group) && like(g) {
			n++
		}
	}
	return n
}

func serves(g glimpse) bool { return g.phase == slipway.InstanceReady }
