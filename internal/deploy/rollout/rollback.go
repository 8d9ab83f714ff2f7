package rollout

import (
	"time"

	"github.com/slipway-cd/slipway"
)

// turnBack starts going back to what served before.
func (p *plan) turnBack(d *slipway.Deployment, why string) {
	d.Phase = slipway.RollingBack
	d.Since = p.now
	d.Waiting = time.Time{}
	p.sayTurnBack(d, why)
}

// moveReturn brings the old group back to its capacity before the new one goes.
// What must never run twice goes first instead.
func (p *plan) moveReturn(d *slipway.Deployment) bool {
	gone := p.left(d.Candidate) == 0
	if (alone(d) || vacates(d)) && !gone {
		return false
	}
	if t := p.was.Troubles[d.Stable]; t.Permanent {
		d.Blamed = ""
		p.giveUp(d, t.Why)
		return true
	}
	if n := p.needed(d); p.ready(d.Stable) < n {
		return p.await(d, d.Stable, n, p.giveUp)
	}
	if !d.Waiting.IsZero() {
		p.sayReady(d, d.Stable)
		d.Waiting = time.Time{}
	}
	if !gone || !p.served(d.Stable) {
		return false
	}
	p.sayReturned(d)
	p.end(d, slipway.RolledBack)
	return true
}

// needed is the ready capacity that the old group must have before the new one
// may go: all of it if we took some away, else what the deployment found. Where
// traffic was split by weight nothing was taken away, so that it goes back at
// once.
func (p *plan) needed(d *slipway.Deployment) int {
	want := p.next.Target.Want
	switch {
	case d.Stable == "":
		return 0
	case d.Touched:
		return want
	case byWeight(d):
		return min(1, want)
	}
	return min(want, d.Floor)
}

// giveUp ends a deployment that can go neither on nor back. What is ready of
// either group keeps serving.
func (p *plan) giveUp(d *slipway.Deployment, why string) {
	p.say("%s", why)
	p.sayStuck(d)
	p.dropUntried(d)
	p.end(d, slipway.Stuck)
}

// dropUntried lets a candidate go that was never to serve yet: at rest it would
// help out where the stable group lacks somebody.
func (p *plan) dropUntried(d *slipway.Deployment) {
	if !p.untried(d.Candidate) {
		return
	}
	for _, i := range p.members(d.Candidate) {
		p.leave(d.Candidate, i)
	}
}

// settleReturn restores the old group, and lets the new one go when that is
// done; of the new one only what is not ready goes before. Where there is no room
// for both the new ones go as far as the rest can do without them.
func (p *plan) settleReturn(d *slipway.Deployment) {
	want := p.next.Target.Want
	p.exclusive = alone(d)
	if d.Stable != "" {
		p.keep[d.Stable] = want
		p.activate(d.Stable, true)
	}
	if p.exclusive {
		return
	}
	p.floor = p.needed(d)
	if vacates(d) {
		p.floor = max(0, min(want-1, d.Floor))
		p.keep[d.Stable] = max(p.staying(d.Stable), want-p.left(d.Candidate))
		p.keep[d.Candidate] = max(0, min(p.ready(d.Candidate), p.floor-p.ready(d.Stable)))
		return
	}
	if p.ready(d.Stable) < p.floor {
		p.keep[d.Candidate] = p.ready(d.Candidate)
	}
}
