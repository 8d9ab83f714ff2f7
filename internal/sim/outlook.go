package sim

import (
	"maps"
	"strconv"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/controller"
)

// outlook lets a planner see what the gates of this world say, and puts gates
// behind the holds of some deployments.
func (s *server) outlook(plan controller.Planner) controller.Planner {
	return func(state slipway.State, now time.Time) slipway.Decision {
		s.w.inform(&state)
		d := plan(state, now)
		s.w.checkPatience(state, d, now)
		if d.Next.Deployment != nil && d.Changed {
			s.w.addGates(d.Next.Deployment)
		}
		for _, a := range d.Actions {
			s.w.saw("action", string(a.Kind))
		}
		return d
	}
}

// inform adds what gates say.
func (w *World) inform(s *slipway.State) {
	d := s.Deployment
	if d == nil {
		return
	}
	gates := d.Gates
	if d.Phase == slipway.Progressing {
		gates = d.Stages[d.At].Gates
	}
	verdicts := map[slipway.GateID]slipway.Verdict{}
	maps.Copy(verdicts, s.Verdicts)
	for _, id := range gates {
		v, asked := s.Verdicts[id] // of those that the controller judges
		if !asked {
			verdicts[id] = w.blame(gate{d.ID, id}, s)
			continue
		}
		w.saw("gate", string(id)+" "+string(v.State))
	}
	s.Verdicts = verdicts
}

// addGates puts evidence behind the holds of every third deployment, a gate for
// each weight.
func (w *World) addGates(d *slipway.Deployment) {
	if d.ID%3 != 0 || d.Phase != slipway.Progressing {
		return
	}
	for i, stage := range d.Stages {
		if stage.Hold > 0 {
			d.Stages[i].Gates = []slipway.GateID{gateEvidence + slipway.GateID(strconv.Itoa(int(stage.Weight)))}
		}
	}
}
