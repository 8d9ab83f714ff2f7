package rollout

import (
	"cmp"
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

// move takes the deployment one step through its states and reports whether it
// did.
func (p *plan) move() bool {
	d := p.next.Deployment
	if d == nil {
		return false
	}
	switch d.Phase {
	case slipway.Pending:
		return p.movePending(d)
	case slipway.Progressing:
		return p.moveProgress(d)
	case slipway.RollingBack:
		return p.moveReturn(d)
	case slipway.Succeeded, slipway.RolledBack, slipway.Failed, slipway.Cancelled, slipway.Superseded, slipway.Stuck:
	}
	return false
}

func (p *plan) movePending(d *slipway.Deployment) bool {
	if d.Asked == slipway.AskedAbort {
		p.say("cancelled before it started")
		p.end(d, slipway.Cancelled)
		return true
	}
	switch verdict := p.judge(d, d.Gates); verdict.State {
	case slipway.GatePass:
	case slipway.GateFail:
		p.say("%s; nothing was touched", verdict.Why)
		p.end(d, slipway.Failed)
		return true
	case slipway.GateWait, slipway.GateInconclusive, slipway.GateReplace:
		return false
	}
	if p.was.Revision == nil || p.was.Revision.ID != d.Revision {
		return false
	}
	d.Passed, d.Verdicts = d.Verdicts, nil
	p.start(d, *p.was.Revision)
	return true
}

// start fixes what the deployment moves from, compiles its schedule and makes
// its group, still empty.
func (p *plan) start(d *slipway.Deployment, r slipway.Revision) {
	t := p.next.Target
	from := 0
	if t.Stable != "" {
		from = t.Want
	}
	capacity := p.capacity() // with what runs of d itself already, where a restored database had forgotten that
	d.Phase = slipway.Progressing
	d.Stable = t.Stable
	d.From = p.next.Specs[t.Stable].Revision.Release
	d.At = 0
	d.Want = instances(d, t)
	d.StartedAt, d.Since = p.now, p.now
	if kept, ok := p.retained(r.ID); ok {
		p.takeBack(d, kept, from)
	} else {
		d.Stages = Compile(p.rollout(r), r.Kind, from, d.Want, t.Stable == "")
		p.next.Specs[d.Candidate] = slipway.GroupSpec{ID: d.Candidate, Target: t.ID, Revision: r, Active: true}
	}
	p.next.Target.Removed = time.Time{}
	p.next.Target.Retained = nil // their time is over when something new comes
	d.Floor = floor(d, capacity)
	p.sayStart(d, from)
}

// instances is how many d makes: what a person asked for last, which may have
// been after d, else what its manifest says, else as many as there are where it
// goes back or begins anew.
func instances(d *slipway.Deployment, t slipway.Target) int {
	there := 0
	if t.Stable != "" && d.Kind != slipway.KindDeploy {
		there = t.Want
	}
	return cmp.Or(t.Scale, d.Written, there, d.Want)
}

// rollout is how to move to r. Where the old one must not run beside another,
// or a leftover that still runs, the new one may not either.
func (p *plan) rollout(r slipway.Revision) slipway.Rollout {
	if p.singleton() {
		return slipway.Rollout{Strategy: slipway.Recreate, Preview: r.Preview}
	}
	return r.Rollout
}

// singleton reports whether what is stable, or a leftover that still runs, must
// never run beside another group.
func (p *plan) singleton() bool {
	for g, spec := range p.next.Specs {
		if spec.Revision.Strategy == slipway.Recreate && (g == p.next.Target.Stable || p.left(g) > 0) {
			return true
		}
	}
	return false
}

// floor is the ready capacity below which nobody is taken out: what there is,
// as far as it is wanted, but for what the schedule gives up on purpose.
func floor(d *slipway.Deployment, capacity int) int {
	least := min(capacity, d.Want)
	before := 0
	for i, s := range d.Stages {
		switch s.Order {
		case slipway.Alone:
			return 0
		case slipway.Vacate:
			if i > 0 {
				before = d.Stages[i-1].New
			}
			least = min(least, before+s.Old)
		case slipway.Surge:
		}
	}
	return least
}

// end puts the deployment into a terminal phase.
func (p *plan) end(d *slipway.Deployment, phase slipway.Phase) {
	d.Phase = phase
	d.FinishedAt = p.now
	d.Waiting = time.Time{}
}

// alone reports whether no two groups may run at once.
func alone(d *slipway.Deployment) bool { return ordered(d, slipway.Alone) }

// vacates reports whether old instances make room for new ones.
func vacates(d *slipway.Deployment) bool { return ordered(d, slipway.Vacate) }

func ordered(d *slipway.Deployment, o slipway.Order) bool {
	return slices.ContainsFunc(d.Stages, func(s slipway.Stage) bool { return s.Order == o })
}
