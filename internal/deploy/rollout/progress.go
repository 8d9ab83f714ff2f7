package rollout

import (
	"time"

	"github.com/slipway-cd/slipway"
)

// moveProgress takes a deployment through its stages. A stage goes through its
// conditions in one order: room for the new instances, the new instances ready,
// their weight, their tests, the hold, the gates; then old instances leave. What
// has been reached in a stage may be lost again, and is waited for again.
func (p *plan) moveProgress(d *slipway.Deployment) bool {
	p.through = false
	if why := p.hopeless(d); why != "" {
		p.refuse(d, why)
		return true
	}
	stage := d.Stages[d.At]
	p.lostWeight(d, stage)
	if !p.room(d, stage) {
		return false
	}
	if p.ready(d.Candidate) < stage.New {
		return p.await(d, d.Candidate, stage.New, p.refuse)
	}
	if !d.Waiting.IsZero() {
		p.sayReady(d, d.Candidate)
		d.Waiting = time.Time{}
	}
	p.carry(d, stage)
	if p.condemned(d, stage) {
		return true
	}
	if !p.test(d, stage) || !p.held(d, stage) || !p.allowed(d, stage) {
		return d.Phase != slipway.Progressing
	}
	p.through = true
	if p.left(d.Stable) > stage.Old {
		return false
	}
	if d.At+1 < len(d.Stages) {
		d.At++
		d.Since, d.Held, d.Verdicts = p.now, time.Time{}, nil
		p.was.Verdicts = nil // they were of the stage before
		return true
	}
	if !p.served(d.Candidate) {
		p.sayUnserved()
		return false
	}
	p.succeed(d)
	return true
}

// hopeless says why a deployment cannot go on, or "", and notes the instance
// that is to blame.
func (p *plan) hopeless(d *slipway.Deployment) string {
	if d.Asked == slipway.AskedAbort {
		return "it was aborted"
	}
	if t := p.was.Troubles[d.Candidate]; t.Permanent {
		return t.Why
	}
	if p.isTakenBack(d) {
		return "" // it has a life before this deployment
	}
	return p.crashes(d)
}

// room reports whether the new instances of a stage may be there.
func (p *plan) room(d *slipway.Deployment, stage slipway.Stage) bool {
	switch stage.Order {
	case slipway.Alone:
		return !p.othersLeft(d.Candidate)
	case slipway.Vacate:
		return p.leftBeside(d.Candidate) <= stage.Old
	case slipway.Surge:
	}
	return true
}

// allowed asks the gates of a stage, unless a person has answered for them.
func (p *plan) allowed(d *slipway.Deployment, stage slipway.Stage) bool {
	return isPromoted(d) || p.judge(d, stage.Gates).State == slipway.GatePass
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
	i, _ := p.laggard(g)
	d.Blamed = i.ID
	late(d, p.whyNotReady(g, n, allowed))
	return true
}

// refuse ends a deployment that cannot go on: at once while nothing old was
// touched and no traffic was given, else by going back.
func (p *plan) refuse(d *slipway.Deployment, why string) {
	if d.Touched || d.Weight > 0 || d.Asked == slipway.AskedAbort {
		p.turnBack(d, why)
		return
	}
	p.say("%s", why)
	p.sayRefused(d)
	p.dropUntried(d)
	p.end(d, slipway.Failed)
}

// succeed makes the candidate the stable group.
func (p *plan) succeed(d *slipway.Deployment) {
	t := &p.next.Target
	if old, ok := p.next.Specs[d.Stable]; ok {
		t.Previous = old.Revision.ID
	}
	p.retain(d)
	t.Stable, t.Want = d.Candidate, d.Want
	p.say("@%d serves: %d of %d ready", d.Release, p.ready(d.Candidate), d.Want)
	p.end(d, slipway.Succeeded)
}

// settleProgress keeps the stage's instances. The old group shrinks when the
// stage lets it, and grows only as long as it is whole.
func (p *plan) settleProgress(d *slipway.Deployment) {
	stage := d.Stages[d.At]
	p.floor = d.Floor
	p.exclusive = stage.Order == slipway.Alone
	if stage.Order == slipway.Alone {
		if started := p.next.Specs[d.Candidate].Replicas > 0; started || !p.othersLeft(d.Candidate) {
			p.keep[d.Candidate] = stage.New
		}
		return
	}
	p.keep[d.Candidate] = stage.New
	if !p.room(d, stage) {
		p.keep[d.Candidate] = min(stage.New, p.staying(d.Candidate))
	}
	p.activate(d.Candidate, !stage.Passive)
	p.keepStandIns(d, stage)
	if d.Stable == "" {
		return
	}
	switch {
	case stage.Old == p.next.Target.Want: // it stays whole, so it follows its scale
		p.keep[d.Stable] = stage.Old
	case stage.Order == slipway.Surge && !p.through:
		p.keep[d.Stable] = p.staying(d.Stable)
	default:
		p.keep[d.Stable] = min(stage.Old, p.staying(d.Stable))
	}
}

// makeRoom has whoever is in the way be gone before another of either group
// starts, where there is no room for both: those that leave it, and, of the old
// group's room, leftovers of other groups.
func (p *plan) makeRoom(d *slipway.Deployment) {
	leftovers := p.leftBeside(d.Candidate) - p.left(d.Stable)
	for g, others := range map[slipway.GroupID]int{d.Candidate: 0, d.Stable: leftovers} {
		members, keep := len(p.members(g)), p.keep[g]
		p.keep[g] = max(keep-(p.left(g)-members)-others, min(members, keep))
	}
}

// keepStandIns keeps who is left of earlier deployments and serves where the
// stable group has nobody: a candidate on trial would have that part as well.
func (p *plan) keepStandIns(d *slipway.Deployment, stage slipway.Stage) {
	if !byWeight(d) || d.Weight == slipway.All || stage.Order != slipway.Surge || p.ready(d.Stable) > 0 {
		return
	}
	for _, g := range p.groups() {
		if g != d.Stable && g != d.Candidate {
			p.keep[g] = p.ready(g)
		}
	}
}

// activate says whether the workers of g take work, where they can be told.
func (p *plan) activate(g slipway.GroupID, active bool) {
	spec := p.next.Specs[g]
	spec.Active = active || !spec.Revision.Run.Passive
	p.next.Specs[g] = spec
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
