package sim

import (
	"time"

	"github.com/slipway-cd/slipway"
)

// Gates of this world, beside those that the controller judges itself.
const (
	gateClosed   slipway.GateID = "closed"   // before the start: ends by itself
	gateConsent  slipway.GateID = "consent"  // before the start: a person
	gateEvidence slipway.GateID = "evidence" // of a stage that is held
)

type gate struct {
	deployment slipway.DeploymentID
	id         slipway.GateID
}

// verdict is what a gate says, and what it will say.
type verdict struct {
	now, then slipway.VerdictState
	turns     time.Time // when then comes; zero: when a person says so
}

// gatesOf draws what stands before a deployment.
func (w *World) gatesOf(d slipway.DeploymentID) []slipway.GateID {
	var gates []slipway.GateID
	if w.chance(5) {
		v := &verdict{slipway.GateWait, slipway.GatePass, w.now.Add(w.between(time.Second, 20*time.Second))}
		if w.chance(4) {
			v.then = slipway.GateFail
		}
		w.gates[gate{d, gateClosed}] = v
		gates = append(gates, gateClosed)
	}
	if w.chance(8) {
		w.gates[gate{d, gateConsent}] = &verdict{now: slipway.GateWait, then: slipway.GatePass}
		gates = append(gates, gateConsent)
	}
	return gates
}

// judge is what a gate says now.
func (w *World) judge(g gate) slipway.Verdict {
	v := w.gates[g]
	if v == nil {
		v = w.collect(g)
	}
	if !v.turns.IsZero() && !w.now.Before(v.turns) {
		v.now = v.then
	}
	w.saw("gate", string(v.now))
	return slipway.Verdict{State: v.now, Why: string(g.id) + " says " + string(v.now)}
}

// collect begins to look at the evidence of a stage.
func (w *World) collect(g gate) *verdict {
	v := &verdict{slipway.GateInconclusive, slipway.GatePass, w.now.Add(w.between(time.Second, 12*time.Second))}
	if w.chance(2) {
		v.now = slipway.GateWait
	}
	switch {
	case w.chance(4):
		v.then = slipway.GateFail
	case w.chance(6):
		v.then = slipway.GateReplace
	}
	w.gates[g] = v
	return v
}

// blame is what evidence says of one instance of a candidate: once, then of all
// of them.
func (w *World) blame(g gate, s *slipway.State) slipway.Verdict {
	d, v := s.Deployment, w.gates[g]
	if v != nil && d.Replaced != "" && v.then == slipway.GateReplace {
		v.now, v.then = slipway.GatePass, slipway.GatePass
	}
	said := w.judge(g)
	if said.State != slipway.GateReplace {
		return said
	}
	for _, group := range s.Groups {
		for _, i := range group.Instances {
			if _, leaving := s.Draining[i.ID]; group.ID == d.Candidate && !leaving {
				said.Instance = i.ID
				return said
			}
		}
	}
	return said
}

// answer is a person who is asked to agree, and does or does not.
func (w *World) answer() {
	for _, d := range w.store.deployments {
		v := w.gates[gate{d.ID, gateConsent}]
		if v == nil || d.Phase != slipway.Pending || !v.turns.IsZero() {
			continue
		}
		if v.turns = w.now; w.chance(4) {
			v.then = slipway.GateFail
		}
		w.saw("asked", "approve")
		w.tell("mei  says %s to deployment %d", v.then, d.ID)
		return
	}
}
