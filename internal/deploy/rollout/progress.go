package rollout

import (
	"time"

	"github.com/slipway-cd/slipway"
)

// moveProgress takes a deployment through its stages. A stage first lacks ready
// new instances, and its deadline runs; when it has them, old ones leave.
func (p *plan) moveProgress(d *slipway.Deployment) bool {
	if d.Asked == slipway.AskedAbort {
		p.turnBack(d, "it was aborted")
		return true
	}
	if t := p.was.Troubles[d.Candidate]; t.Permanent {
		p.refuse(d, t.Why)
		return true
	}
	stage := d.Stages[d.At]
	switch {
	case stage.Order == slipway.Vacate && p.othersLeft(d.Candidate):
		return false
	case p.ready(d.Candidate) < stage.New:
		return p.await(d, d.Candidate, stage.New, p.refuse)
	}
	if !d.Waiting.IsZero() {
		p.sayReady(d, d.Candidate)
		d.Waiting = time.Time{}
	}
	if p.left(d.Stable) > stage.Old {
		return false
	}
	if d.At+1 < len(d.Stages) {
		d.At++
		d.Since = p.now
		return true
	}
	if !p.served(d.Candidate) {
		p.sayUnserved()
		return false
	}
	p.succeed(d)
	return true
}

// await lets the deadline for n ready instances of g run, and gives up with
// late when it is over.
func (p *plan) await(d *slipway.Deployment, g slipway.GroupID, n int, late func(*slipway.Deployment, string)) bool {
	if d.Waiting.IsZero() {
		d.Waiting = p.now
	}
	allowed := p.next.Specs[g].Revision.Health.Deadline
	deadline := d.Waiting.Add(allowed)
	if p.now.Before(deadline) {
		p.wakeAt(deadline)
		return false
	}
	late(d, p.whyNotReady(g, n, allowed))
	return true
}

// refuse ends a deployment that cannot go on: at once while nothing old was
// touched, else by going back.
func (p *plan) refuse(d *slipway.Deployment, why string) {
	if d.Touched {
		p.turnBack(d, why)
		return
	}
	p.say("%s", why)
	p.sayRefused(d)
	p.end(d, slipway.Failed)
}

// succeed makes the candidate the stable group.
func (p *plan) succeed(d *slipway.Deployment) {
	t := &p.next.Target
	if old, ok := p.next.Specs[d.Stable]; ok {
		t.Previous = old.Revision.ID
	}
	t.Stable, t.Want = d.Candidate, d.Want
	p.say("@%d serves: %d of %d ready", d.Release, p.ready(d.Candidate), d.Want)
	p.end(d, slipway.Succeeded)
}

// settleProgress keeps the stage's instances. The old group shrinks when the
// new instances are ready, and never grows.
func (p *plan) settleProgress(d *slipway.Deployment) {
	stage := d.Stages[d.At]
	p.floor = d.Floor
	if stage.Order == slipway.Vacate {
		p.exclusive = true
		if started := p.next.Specs[d.Candidate].Replicas > 0; started || !p.othersLeft(d.Candidate) {
			p.keep[d.Candidate] = stage.New
		}
		return
	}
	p.keep[d.Candidate] = stage.New
	if d.Stable == "" {
		return
	}
	p.keep[d.Stable] = stage.Old
	if p.ready(d.Candidate) < stage.New {
		p.keep[d.Stable] = max(stage.Old, p.staying(d.Stable))
	}
}

// staying is how many instances of g the last commit meant to keep.
func (p *plan) staying(g slipway.GroupID) int {
	n := p.next.Specs[g].Replicas
	for _, drain := range p.draining(g) {
		if !drain.Stopped {
			n--
		}
	}
	return max(n, 0)
}
