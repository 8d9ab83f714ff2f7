package sim

import (
	"slices"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/rollout"
)

// checkWeights: (2) weights total 100 % while anybody is eligible, else 0. They
// go only to who is ready, or, where nobody is, to who was and is alive; and the
// candidate never has more than its stage gives, unless the others have nobody.
func (s *server) checkWeights(next slipway.State) {
	r := *next.Route
	total, others := slipway.BasisPoints(0), 0
	for _, share := range r.Shares {
		total += share.Weight
		if len(share.Endpoints) == 0 || share.Weight < 0 {
			s.w.violate("invariant 2: route %s gives %d to %s with %d endpoints", r.Fence, share.Weight, share.Group, len(share.Endpoints))
		}
		if share.Weight > 0 && retained(next.Target, share.Group) {
			s.w.violate("invariant 2: route %s gives %d to %s, which is merely kept", r.Fence, share.Weight, share.Group)
		}
		if !retained(next.Target, share.Group) && !s.candidate(next, share.Group) {
			others += len(share.Endpoints)
		}
		s.checkEndpoints(next, share)
	}
	if total != slipway.All && (total != 0 || others > 0) {
		s.w.violate("invariant 2: the weights of route %s total %d", r.Fence, total)
	}
	struggles := func(g glimpse) bool {
		_, leaving := next.Draining[g.id]
		return g.phase == slipway.InstanceUnready && !leaving
	}
	if n := s.count(r.Target, next.Target.Stable, struggles); total == 0 && next.Target.Stable != "" && n > 0 {
		s.w.violate("invariant 2: route %s leads to nobody, where %d of %s are alive and were ready", r.Fence, n, next.Target.Stable)
	}
	if d := next.Deployment; d != nil && d.Phase == slipway.Progressing {
		s.checkCandidate(next, others)
	}
	s.checkLoan(next)
}

// checkEndpoints: everybody in a new route is ready. Who is not may be there
// only while nobody else who may have traffic is ready.
func (s *server) checkEndpoints(next slipway.State, share slipway.Share) {
	for _, e := range share.Endpoints {
		like := func(g glimpse) bool { return g.id == e.Instance && serves(g) }
		if s.count(next.Target.ID, share.Group, like) > 0 {
			continue
		}
		struggles := func(g glimpse) bool { return g.id == e.Instance && g.phase == slipway.InstanceUnready }
		if s.count(next.Target.ID, share.Group, struggles) == 0 || s.eligible(next) > 0 {
			s.w.violate("invariant 2: route %s has %s, which is not ready", next.Route.Fence, e.Instance)
		}
		s.w.saw("state", "struggling")
	}
}

// eligible counts who is ready, stays, and may have traffic.
func (s *server) eligible(next slipway.State) int {
	return s.count(next.Target.ID, "", func(g glimpse) bool {
		_, leaving := next.Draining[g.id]
		unknown := next.Specs[g.group].Revision.Kind == "" && byWeight(next.Deployment)
		return serves(g) && !leaving && !unknown && !retained(next.Target, g.group) && (!s.candidate(next, g.group) || next.Deployment.Weight > 0)
	})
}

// candidate reports whether g is the new group of a deployment that splits
// traffic by weight.
func (s *server) candidate(next slipway.State, g slipway.GroupID) bool {
	d := next.Deployment
	return byWeight(d) && d.Candidate == g
}

// byWeight reports whether d splits traffic as its stage says.
func byWeight(d *slipway.Deployment) bool {
	moves := d != nil && (d.Phase == slipway.Progressing || d.Phase == slipway.RollingBack)
	back := moves && d.Phase == slipway.RollingBack && detaches(d) && d.Weight > 0
	return moves && !back && !d.Stages[d.At].ByReady
}

func (s *server) checkCandidate(next slipway.State, others int) {
	d := next.Deployment
	stage := d.Stages[d.At]
	weight := slipway.BasisPoints(0)
	for _, share := range next.Route.Shares {
		if share.Group == d.Candidate {
			weight = share.Weight
		}
	}
	if weight > stage.Weight && !stage.ByReady && (others > 0 || stage.Weight == 0) {
		s.w.violate("invariant 2: deployment %d has %d of the traffic, its stage gives %d", d.ID, weight, stage.Weight)
	}
	if weight > 0 && s.untested(next) {
		s.w.violate("deployment %d has %d of the traffic before its tests have passed", d.ID, weight)
	}
}

// untested reports whether a candidate has tests that have not passed.
func (s *server) untested(next slipway.State) bool {
	d := next.Deployment
	if !slices.ContainsFunc(d.Stages, func(s slipway.Stage) bool { return s.Preview }) {
		return false
	}
	t := s.w.tasks[slipway.TestsOf(d.ID)]
	return t == nil || t.State != slipway.TaskPassed
}

// checkLoan: a part of the traffic that is given on evidence is only lent, for
// as long as the design says.
func (s *server) checkLoan(next slipway.State) {
	d, r := next.Deployment, next.Route
	lent := d != nil && d.Phase == slipway.Progressing && byWeight(d) && d.Stages[d.At].Leased && d.Stable != "" && d.Weight > 0 && d.Weight < slipway.All
	if lent && (r.Fallback != d.Stable || r.Lease <= 0 || r.Lease > rollout.LeaseFor) {
		s.w.violate("deployment %d has %d of the traffic, lent for %s, else %q", d.ID, d.Weight, r.Lease, r.Fallback)
	}
	if !lent && (r.Fallback != "" || r.Lease != 0) {
		s.w.violate("route %s is lent for %s, else %q, and nothing is on trial", r.Fence, r.Lease, r.Fallback)
	}
}

// checkFallback: a group that a lease may fall back to is whole, but for what a
// schedule detaches.
func (s *server) checkFallback(before, next slipway.State) {
	if next.Route == nil || next.Route.Fallback == "" || before.Target.Want > next.Target.Want || detaches(next.Deployment) {
		return
	}
	fallback := next.Route.Fallback
	staying := s.count(next.Target.ID, fallback, func(g glimpse) bool {
		_, leaving := next.Draining[g.id]
		return !leaving && g.phase != slipway.InstanceStopping && g.phase != slipway.InstanceStopped
	})
	for _, g := range s.seen {
		_, was := before.Draining[g.id]
		_, is := next.Draining[g.id]
		if g.group == fallback && is && !was && serves(g) && staying < next.Target.Want {
			s.w.violate("%s takes %s out of %s, to which leases fall back, and leaves %d of %d", s.name, g.id, fallback, staying, next.Target.Want)
		}
	}
}

func retained(t slipway.Target, g slipway.GroupID) bool {
	return slices.ContainsFunc(t.Retained, func(r slipway.Retained) bool { return r.Group == g })
}
