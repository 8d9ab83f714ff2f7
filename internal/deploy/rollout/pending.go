package rollout

import (
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

// gatesEvery is how often a gate that waits is asked again when nothing hints
// that it changed.
const gatesEvery = 5 * time.Second

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
	for _, gate := range d.Gates {
		switch v := p.was.Verdicts[gate]; v.State {
		case slipway.GatePass:
		case slipway.GateFail:
			p.say("%s; nothing was touched", v.Why)
			p.end(d, slipway.Failed)
			return true
		case slipway.GateWait, slipway.GateInconclusive:
			p.say("waits: %s", v.Why)
			p.wakeAt(p.now.Add(gatesEvery))
			return false
		default: // no data is never a pass
			p.say("waits for the gate %q, which has not said anything", gate)
			p.wakeAt(p.now.Add(gatesEvery))
			return false
		}
	}
	if p.was.Revision == nil || p.was.Revision.ID != d.Revision {
		return false
	}
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
	d.Phase = slipway.Progressing
	d.Stable = t.Stable
	d.From = p.next.Specs[t.Stable].Revision.Release
	strategy := r.Strategy
	if p.next.Specs[t.Stable].Revision.Strategy == slipway.Recreate {
		strategy = slipway.Recreate // the old one must not run beside another either
	}
	d.Stages = Compile(strategy, r.Kind, from, d.Want, t.Stable == "")
	d.At = 0
	d.StartedAt, d.Since = p.now, p.now
	d.Floor = min(p.capacity(), d.Want)
	if vacates(d) {
		d.Floor = 0
	}
	p.next.Specs[d.Candidate] = slipway.GroupSpec{ID: d.Candidate, Target: t.ID, Revision: r, Active: true}
	p.sayStart(d, from)
}

// end puts the deployment into a terminal phase.
func (p *plan) end(d *slipway.Deployment, phase slipway.Phase) {
	d.Phase = phase
	d.FinishedAt = p.now
	d.Waiting = time.Time{}
}

// vacates reports whether old instances go before new ones come.
func vacates(d *slipway.Deployment) bool {
	return slices.ContainsFunc(d.Stages, func(s slipway.Stage) bool { return s.Order == slipway.Vacate })
}
