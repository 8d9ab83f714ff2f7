package rollout

import (
	"fmt"
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

// gatesEvery is how often a gate that waits is asked again when nothing hints
// that it changed.
const gatesEvery = 5 * time.Second

// judge asks gates, and tells what the first says that does not pass. It is asked
// again by and by.
func (p *plan) judge(d *slipway.Deployment, gates []slipway.GateID) slipway.Verdict {
	v := p.hear(d, gates)
	switch v.State {
	case slipway.GateWait:
		p.say("waits: %s", v.Why)
		p.wakeAt(p.now.Add(gatesEvery))
	case slipway.GateInconclusive:
		p.sayUndecided(d, v)
		p.wakeAt(p.now.Add(gatesEvery))
	case slipway.GatePass, slipway.GateFail, slipway.GateReplace:
	}
	return v
}

// hear keeps what gates say, and is what the first says that does not pass; one
// that fails comes before all others. One that says nothing is waited for: no data
// is never a pass.
func (p *plan) hear(d *slipway.Deployment, gates []slipway.GateID) slipway.Verdict {
	all := slipway.Verdict{State: slipway.GatePass}
	var said []slipway.GateVerdict
	for _, gate := range gates {
		v := p.was.Verdicts[gate]
		if v.State == "" {
			v = slipway.Verdict{State: slipway.GateWait, Why: fmt.Sprintf("the gate %q has not said anything", gate)}
		}
		said = append(said, slipway.GateVerdict{Gate: gate, Verdict: v})
		if v.State != slipway.GatePass && (all.State == slipway.GatePass || v.State == slipway.GateFail && all.State != slipway.GateFail) {
			all = v
		}
	}
	if !slices.Equal(said, d.Verdicts) {
		d.Verdicts = said
	}
	return all
}

// condemned reports whether a gate has seen enough of a candidate before its hold
// is over, and acts on it.
func (p *plan) condemned(d *slipway.Deployment, stage slipway.Stage) bool {
	if isPromoted(d) {
		return false
	}
	v := p.hear(d, stage.Gates)
	switch v.State {
	case slipway.GateFail:
		p.convict(d, v)
		return true
	case slipway.GateReplace:
		return p.replace(d, v)
	case slipway.GateInconclusive:
		if d.Stable == "" { // it ends no hold, and a person need not wait for that to hear of it
			p.sayUndecided(d, v)
		}
	case slipway.GatePass, slipway.GateWait:
	}
	return false
}

// replace lets the one instance of a candidate go that is worse than the others, as
// soon as enough others are ready. That happens once: a second one is no accident.
func (p *plan) replace(d *slipway.Deployment, v slipway.Verdict) bool {
	i, found := p.instance(v.Instance)
	switch _, leaving := p.next.Draining[v.Instance]; {
	case leaving || !found:
		return false
	case d.Replaced != "":
		p.convict(d, v)
		return true
	case p.indispensable(d.Candidate, i, d.Floor):
		p.say("%s is replaced when enough others are ready: %s", v.Instance, v.Why)
		p.wakeAt(p.now.Add(gatesEvery))
		return false
	}
	d.Replaced = v.Instance
	p.say("replaces %s: %s", v.Instance, v.Why)
	p.leave(d.Candidate, i)
	return true
}

// convict ends a deployment by what its candidate did. A worker has taken work,
// though no weight tells.
func (p *plan) convict(d *slipway.Deployment, v slipway.Verdict) {
	if p.was.Target.Kind == slipway.Worker {
		p.turnBack(d, v.Why)
		return
	}
	p.refuse(d, v.Why)
}

// isPromoted reports whether a person has let the stage of d pass.
func isPromoted(d *slipway.Deployment) bool { return d.Promoted > d.At }
