package rollout

import (
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

// announce raises the fence of an executor that knows an earlier epoch, before
// anything is decided: the database was restored, and whoever acted since then
// may still be about to stop an instance that we have to rely on. It asks for a
// group as it is found, so nothing changes but the fence. Where no group is known
// there is nothing to rely on.
func announce(s slipway.State) (slipway.Decision, bool) {
	behind := func(g slipway.GroupStatus) bool { return g.Fence.Epoch != 0 && g.Fence.Epoch < s.Target.Fence.Epoch }
	if !slices.ContainsFunc(s.Groups, behind) || len(s.Specs) == 0 {
		return slipway.Decision{}, false
	}
	p := begin(s, s.Target.OwnedTil)
	spec := p.announced()
	l := list{prefix: p.prefix(), fence: s.Target.Fence}
	spec.Fence = l.fence
	l.add(slipway.Action{Kind: slipway.ApplyGroup, Group: &spec}, string(spec.ID))
	return slipway.Decision{Next: s, Actions: l.actions}, true
}

// announced is the oldest group that is known, with as many replicas as it runs.
func (p *plan) announced() slipway.GroupSpec {
	var known []slipway.GroupID
	for g := range p.was.Specs {
		known = append(known, g)
	}
	slices.SortFunc(known, byAge)
	spec := p.was.Specs[known[0]]
	seen, _ := p.observed(spec.ID)
	spec.Replicas = min(spec.Replicas, p.running(seen))
	return spec
}

// holdAnew forgets since when a weight is held: what routers did since the backup
// was made, nobody knows.
func (p *plan) holdAnew() {
	r := p.was.Route
	if d := p.next.Deployment; d != nil && !d.Phase.Ended() && r != nil && r.Fence.Epoch != p.was.Target.Fence.Epoch {
		d.Held = time.Time{}
	}
}

// restored reports whether something runs of which routers may know from a route
// that the database has lost: they have to be told of one without it.
func (p *plan) restored() bool { return p.was.Target.Fence.Epoch > 1 && len(p.was.Groups) > 0 }
