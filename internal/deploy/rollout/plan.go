package rollout

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

// Plan decides what to do next about one target. It looks at nothing but s and
// now, changes nothing in s, and says the same whenever it is asked the same.
//
// A state whose observations were made under another fence than it was loaded
// with is not planned for: the decision is to change nothing.
func Plan(s slipway.State, now time.Time) slipway.Decision {
	if s.ObservedAt != s.Target.Fence {
		return slipway.Decision{Next: s}
	}
	if first, ahead := announce(s); ahead {
		return first
	}
	p := begin(s, now)
	p.turnClock()
	p.holdAnew()
	p.rescale()
	p.dismiss()
	for p.move() {
	}
	p.settle()
	p.release()
	p.route()
	p.drain()
	p.size()
	p.forget()
	return p.decide()
}

// plan is one decision in the making. Its steps run in the order of Plan; each
// reads what was observed (was) and what is decided so far (next).
type plan struct {
	was  slipway.State
	next slipway.State
	now  time.Time

	through   bool                    // the stage has met its conditions: old instances may leave
	task      *slipway.Task           // to be run
	keep      map[slipway.GroupID]int // instances that each group is to have; none if absent
	floor     int                     // ready capacity that nobody may be taken out below
	exclusive bool                    // no two groups may run at once

	wake time.Time
	why  []slipway.Why
}

func begin(s slipway.State, now time.Time) *plan {
	p := &plan{was: s, next: s, now: now, keep: map[slipway.GroupID]int{}}
	if s.Deployment != nil {
		d := *s.Deployment
		d.Stages, d.Why = slices.Clone(d.Stages), slices.Clone(d.Why)
		p.next.Deployment = &d
	}
	p.next.Specs = clone(s.Specs)
	p.next.Draining = clone(s.Draining)
	p.adopt()
	return p
}

// adopt takes over groups that were found but are not known: the database was
// restored, or a late call of an owner that is gone made them. They are wanted
// by nobody, so they leave, as everybody does. A group on which a newer owner
// has acted is his.
func (p *plan) adopt() {
	for _, g := range p.was.Groups {
		_, known := p.next.Specs[g.ID]
		if known || len(g.Instances) == 0 || p.was.Target.Fence.Less(g.Fence) {
			continue
		}
		p.next.Specs[g.ID] = slipway.GroupSpec{
			ID: g.ID, Target: p.next.Target.ID, Revision: slipway.Revision{ID: g.Revision}, Replicas: g.Replicas,
		}
	}
}

// fence is what the next commit makes of the target's.
func (p *plan) fence() slipway.Fence { return p.was.Target.Fence.Next() }

// settle says how many instances each group keeps, by the phase that the
// deployment is in now.
func (p *plan) settle() {
	t, d := p.next.Target, p.next.Deployment
	switch {
	case d == nil || d.Phase == slipway.Pending || d.Phase.Ended():
		p.settleAtRest(t)
	case d.Phase == slipway.Progressing:
		p.settleProgress(d)
		if d.Stages[d.At].Order == slipway.Vacate {
			p.makeRoom(d)
		}
	case d.Phase == slipway.RollingBack:
		p.settleReturn(d)
	}
}

// settleAtRest keeps the stable group at its scale. Leftovers of a deployment
// that got stuck go when the stable group no longer needs their help.
func (p *plan) settleAtRest(t slipway.Target) {
	if t.Stable == "" || t.Removing {
		return
	}
	p.keep[t.Stable] = t.Want
	p.settleRetained()
	p.activate(t.Stable, true)
	p.ail()
	p.floor = t.Want
	if p.singleton() {
		p.exclusive, p.floor = true, 0
	}
}

// decide compares and lists what is left to do.
func (p *plan) decide() slipway.Decision {
	dec := slipway.Decision{Next: p.next, Wake: p.wake, Why: p.why}
	dec.Changed = !reflect.DeepEqual(p.next.Target, p.was.Target) ||
		!reflect.DeepEqual(p.next.Deployment, p.was.Deployment) ||
		!maps.EqualFunc(p.next.Specs, p.was.Specs, func(a, b slipway.GroupSpec) bool { return reflect.DeepEqual(a, b) }) ||
		!maps.Equal(p.next.Draining, p.was.Draining) ||
		!reflect.DeepEqual(p.next.Route, p.was.Route)
	fence := p.was.Target.Fence
	if dec.Changed {
		fence = p.fence()
	}
	dec.Actions = p.actions(fence)
	return dec
}

// wakeAt asks to be planned for again at t, if nothing happens before.
func (p *plan) wakeAt(t time.Time) {
	if p.wake.IsZero() || t.Before(p.wake) {
		p.wake = t
	}
}

func clone[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return maps.Clone(m)
}
