package rollout

import (
	"cmp"
	"slices"

	"github.com/slipway-cd/slipway"
)

// release picks who leaves: of every group what is more than it keeps, the
// least useful first. Somebody ready leaves only while enough others are ready.
//
// The group that a deployment replaces goes first. What its schedule lets go it
// may always let go, or a leftover that helped at the start and crashed since
// would hold up the deployment for ever.
func (p *plan) release() {
	first := slipway.GroupID("")
	if d := p.next.Deployment; d != nil && d.Phase == slipway.Progressing {
		first = d.Stable
		stage := d.Stages[d.At]
		stays := stage.Old
		if !p.untried(d.Candidate) {
			stays += stage.New
		}
		p.releaseFrom(first, min(p.floor, stays))
	}
	for _, g := range p.groups() {
		if g != first {
			p.releaseFrom(g, p.floor)
		}
	}
}

func (p *plan) releaseFrom(g slipway.GroupID, floor int) {
	p.findEnding(g)
	members := p.members(g)
	extra := len(members) - p.keep[g]
	slices.SortStableFunc(members, byUse)
	for _, i := range members {
		if extra <= 0 || p.indispensable(g, i, floor) {
			break
		}
		p.leave(g, i)
		extra--
	}
}

// indispensable reports whether i of g is ready, and without it fewer would be than the floor.
func (p *plan) indispensable(g slipway.GroupID, i slipway.InstanceStatus, floor int) bool {
	return i.Phase == slipway.InstanceReady && !p.untried(g) && p.capacity() <= floor
}

// leave puts an instance on its way out. The fence is that of the route
// without it, which is not made yet.
func (p *plan) leave(g slipway.GroupID, i slipway.InstanceStatus) {
	p.next.Draining[i.ID] = slipway.Drain{Group: g, Since: p.now}
	if d := p.next.Deployment; d != nil && d.Phase == slipway.Progressing && g == d.Stable {
		d.Touched = true
	}
}

// findEnding takes note of instances that end without having been asked to:
// they too are forgotten only when no router knows them any more.
func (p *plan) findEnding(g slipway.GroupID) {
	s, _ := p.observed(g)
	for _, i := range s.Instances {
		if _, known := p.next.Draining[i.ID]; !known && ending(i) {
			p.next.Draining[i.ID] = slipway.Drain{Group: g, Since: p.now}
		}
	}
}

// byUse puts first what serves least: not ready before ready, then what was
// restarted more often.
func byUse(a, b slipway.InstanceStatus) int {
	return cmp.Or(
		cmp.Compare(use(a.Phase), use(b.Phase)),
		cmp.Compare(b.Restarts, a.Restarts),
		cmp.Compare(a.ID, b.ID),
	)
}

func use(p slipway.InstancePhase) int {
	switch p {
	case slipway.InstanceReady:
		return 3
	case slipway.InstanceUnready:
		return 2
	case slipway.InstanceStarting:
		return 1
	case slipway.InstanceBackoff, slipway.InstanceStopping, slipway.InstanceStopped:
	}
	return 0
}

// size says how many instances the driver keeps alive: those that stay, and
// those that drain until they may be stopped. Where no two groups may run at
// once, a group grows only when it is alone.
func (p *plan) size() {
	for _, g := range p.groups() {
		leaving := 0
		for _, drain := range p.draining(g) {
			if !drain.Stopped {
				leaving++
			}
		}
		there := len(p.members(g)) + leaving
		n := max(p.keep[g]+leaving, there)
		if p.exclusive && p.othersLeft(g) {
			n = there
		}
		spec := p.next.Specs[g]
		spec.Replicas = n
		p.next.Specs[g] = spec
	}
}

// forget drops the specs of groups of which nothing is left.
func (p *plan) forget() {
	for g, spec := range p.next.Specs {
		seen, _ := p.observed(g)
		gone := len(seen.Instances) == 0 && (seen.Replicas == 0 && spec.Replicas == 0 || unknown(spec))
		if gone && !p.needs(g) {
			delete(p.next.Specs, g)
		}
	}
}

// needs reports whether g is part of the story: stable, or one of the two
// groups of a deployment that moves.
func (p *plan) needs(g slipway.GroupID) bool {
	d := p.next.Deployment
	moving := d != nil && d.Phase != slipway.Pending && !d.Phase.Ended()
	return g == p.next.Target.Stable || p.isRetained(g) || moving && (g == d.Stable || g == d.Candidate)
}

// unknown reports whether the group was found and not made by us: its revision
// is a name at most, so nothing can be asked of it but to end.
func unknown(s slipway.GroupSpec) bool { return s.Revision.Kind == "" }
