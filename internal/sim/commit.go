package sim

import (
	"maps"
	"slices"

	"github.com/slipway-cd/slipway"
)

// What is checked here is what was decided, against what really ran when the
// server that decided looked.

func (s *server) checkCommit(before, next slipway.State, fence slipway.Fence) {
	s.checkOne(next)
	if d := next.Deployment; d != nil && (before.Deployment == nil || before.Deployment.ID != d.ID) {
		if d.Phase != slipway.Cancelled { // one that waits behind another may be cancelled
			s.w.violate("invariant 5: %s commits deployment %d, which does not move any more", s.name, d.ID)
		}
		return
	}
	if d := next.Deployment; d != nil {
		s.checkStart(before, next)
		s.checkStage(before, next)
	}
	if next.Route != nil && next.Route.Fence == fence {
		s.checkWeights(next)
	}
	s.checkCapacity(before, next)
	s.checkFallback(before, next)
	s.checkKept(before, next)
	if d := next.Deployment; d != nil && before.Deployment.Phase != d.Phase {
		s.checkEnd(before, next)
	}
	s.note(before, next)
}

// checkStart takes note of what a deployment finds when it begins to move, and
// of the lowest scale that it has since.
func (s *server) checkStart(before, next slipway.State) {
	d, truth := next.Deployment, &s.w.truth
	if before.Deployment.Phase == slipway.Pending && d.Phase != slipway.Pending {
		truth.starts[d.ID] = s.found(before, d)
		if d.Phase == slipway.Progressing {
			s.checkGates(d)
		}
		truth.saw(s.w, next)
		truth.tests[d.Candidate] = truth.tests[d.Candidate] || slices.ContainsFunc(d.Stages, func(s slipway.Stage) bool { return s.Preview })
	}
	found := truth.starts[d.ID]
	if before.Deployment.Phase == slipway.Pending || d.Want != before.Deployment.Want {
		found.room = detaches(d)
	}
	if next.Target.Asked != 0 || d.Want != before.Deployment.Want {
		truth.scaled[d.ID] = true
	}
	found.lowest = min(found.lowest, d.Want, next.Target.Want)
	truth.starts[d.ID] = found
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

// found is what a deployment finds when it begins to move.
func (s *server) found(before slipway.State, d *slipway.Deployment) start {
	f := start{at: s.w.now, stops: s.w.truth.stops[d.Stable], lowest: min(d.Want, before.Target.Want)}
	for _, g := range s.seen {
		_, leaving := before.Draining[g.id]
		if g.target == d.Target && g.phase != slipway.InstanceStopped {
			f.total++
		}
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
		if g.target == t && serves(g) && is && !was && !untried(before.Deployment, g.group) && !s.forgotten(before, next, g.group) {
			s.w.truth.taken[g.id] = true
			taken++
		}
	}
	stay := s.count(t, "", func(g glimpse) bool {
		_, leaving := next.Draining[g.id]
		return serves(g) && !leaving && !untried(next.Deployment, g.group)
	})
	if floor := s.floor(next); taken > 0 && stay < floor {
		s.w.violate("invariant 1: %s takes %d out of %s and leaves %d ready of at least %d", s.name, taken, t, stay, floor)
	}
}

// untried reports whether g was never to serve yet: it is no capacity.
func untried(d *slipway.Deployment, g slipway.GroupID) bool {
	moves := d != nil && d.Phase != slipway.Pending && !d.Phase.Ended() && d.Candidate == g && d.Weight == 0
	return moves && (!d.Stages[d.At].ByReady || d.Stages[d.At].Passive)
}

// forgotten reports whether g is what a deployment finds of itself that was lost
// with the database, and is refused for at once.
func (s *server) forgotten(before, next slipway.State, g slipway.GroupID) bool {
	was, is := before.Deployment, next.Deployment
	if s.w.store.epoch == 1 || was == nil || is == nil || was.Phase != slipway.Pending || is.Phase != slipway.Failed || is.StartedAt.IsZero() {
		return false
	}
	d := *is
	d.Phase = slipway.Progressing
	return untried(&d, g)
}

// floor is the ready capacity that nobody may go below.
func (s *server) floor(next slipway.State) int {
	t, d := next.Target, next.Deployment
	if d == nil || d.Phase == slipway.Pending || d.Phase.Ended() {
		single := func(s slipway.GroupSpec) bool { return s.Revision.Strategy == slipway.Recreate }
		if t.Stable == "" || t.Removing || slices.ContainsFunc(slices.Collect(maps.Values(next.Specs)), single) {
			return 0
		}
		return t.Want
	}
	if d.Stages[0].Order == slipway.Alone {
		return 0
	}
	lowest := s.w.truth.starts[d.ID].lowest
	if r := s.w.store.revisions[d.Revision]; detaches(d) {
		lowest -= min(r.Detach, lowest)
	}
	if d.Phase == slipway.RollingBack && byWeight(d) {
		lowest = min(lowest, 1) // the old group was left whole: it has to be there, no more
	}
	return min(s.remains(d), lowest)
}

// detaches reports whether d replaces instances in place.
func detaches(d *slipway.Deployment) bool {
	return slices.ContainsFunc(d.Stages, func(s slipway.Stage) bool { return s.Order == slipway.Vacate })
}

// remains is the capacity that a deployment found, but for crashes.
func (s *server) remains(d *slipway.Deployment) int {
	n := 0
	for _, id := range s.w.truth.starts[d.ID].ready {
		if s.w.truth.taken[id] || s.count(d.Target, "", func(g glimpse) bool { return g.id == id && serves(g) }) > 0 {
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
		kept := slices.ContainsFunc(t.Retained, func(r slipway.Retained) bool { return r.Group == d.Stable })
		if n := s.count(t.ID, d.Stable, runs); n > 0 && d.Stable != "" && !kept {
			s.w.violate("deployment %d succeeds while %d of the old group run", d.ID, n)
		}
		if t.Stable != d.Candidate || next.Specs[t.Stable].Revision.Release != d.Release {
			s.w.violate("deployment %d to @%d succeeds, but %s is stable", d.ID, d.Release, t.Stable)
		}
	case slipway.Failed:
		if n := s.w.truth.stops[d.Stable] - s.w.truth.starts[d.ID].stops; d.Stable != "" && n > 0 {
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
