package sim

import (
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

// checkStage holds a deployment that goes on to what its revision asks for.
func (s *server) checkStage(before, next slipway.State) {
	was, is := before.Deployment, next.Deployment
	if is.Phase != slipway.Progressing && is.Phase != slipway.Succeeded || was.ID != is.ID {
		return
	}
	r, made := s.w.store.revisions[is.Revision], is.Candidate == slipway.GroupOf(is.ID)
	if !made { // a group that comes back has been through all this
		return
	}
	if is.Promoted > was.Promoted && !s.w.truth.promoted[is.ID] {
		s.w.violate("deployment %d is promoted past stage %d by nobody", is.ID, is.Promoted)
	}
	rises := is.Weight > was.Weight
	if rises {
		s.checkCarries(is)
	}
	another := s.w.truth.scaled[is.ID] && onTrial(is) // a scale may change what some can carry
	if was.Promoted > was.At {
		s.w.truth.excused[is.ID] = max(was.Weight, 1)
	}
	if rises && was.Weight > 0 && !another {
		s.checkHeld(was, was.Weight, r.Hold)
	}
	if onTrial(was) && !onTrial(is) {
		s.checkHeld(was, max(was.Weight, 1), r.Hold)
	}
	if before.Target.Asked == 0 { // else the schedule is another one, whose gates this world adds later
		s.checkEvidence(was, is)
	}
	if is.Phase == slipway.Succeeded && r.Kind == slipway.Web && bakes(is) {
		s.checkHeld(is, slipway.All, r.Bake)
	}
	s.checkActive(before, next)
	s.checkHolds(was, is, r)
}

// onTrial reports whether d still has to hold a part of the traffic.
func onTrial(d *slipway.Deployment) bool {
	return d.Phase == slipway.Progressing && slices.ContainsFunc(d.Stages[d.At:], func(s slipway.Stage) bool {
		return s.Leased && s.Weight > 0 && s.Weight < slipway.All
	})
}

// bakes reports whether the schedule ends with a bake.
func bakes(d *slipway.Deployment) bool {
	for _, stage := range d.Stages {
		if stage.Weight == slipway.All && stage.Hold > 0 {
			return true
		}
	}
	return false
}

// checkCarries: before weight w, New >= ceil(w × replicas).
func (s *server) checkCarries(d *slipway.Deployment) {
	need := (int(d.Weight)*d.Want + int(slipway.All) - 1) / int(slipway.All)
	if n := s.count(d.Target, d.Candidate, serves); n < need {
		s.w.violate("deployment %d gets %d of the traffic with %d ready instances, it needs %d", d.ID, d.Weight, n, need)
	}
}

// checkHeld: every router that counted has really given a group its weight for as long as
// the stage says, by the clocks that there were.
func (s *server) checkHeld(d *slipway.Deployment, weight slipway.BasisPoints, hold time.Duration) {
	if weight <= s.w.truth.excused[d.ID] {
		return
	}
	need := hold - s.w.skew(s.w.truth.starts[d.ID].at)
	for _, r := range s.spoke {
		if held := r.longest(d.Candidate, weight, s.seenAt); held < need {
			s.w.violate("deployment %d goes on after %s had given it %d for %s, not %s", d.ID, r.id, weight, held, hold)
		}
	}
}

// checkEvidence: the gates of stages that are left have passed.
func (s *server) checkEvidence(was, is *slipway.Deployment) {
	if was.Phase != slipway.Progressing || was.Want != is.Want || len(was.Stages) != len(is.Stages) || is.At < was.At {
		return
	}
	left := was.Stages[was.At:is.At]
	if is.Phase == slipway.Succeeded {
		left = was.Stages[was.At:]
	}
	if was.Promoted > was.At && len(left) > 0 {
		left = left[1:] // a person has answered for the first
	}
	for _, stage := range left {
		for _, id := range stage.Gates {
			if v := s.w.gates[gate{was.ID, id}]; v == nil || v.now != slipway.GatePass {
				s.w.violate("deployment %d goes on without its gate %s", was.ID, id)
			}
		}
	}
}

// checkKept: a kept group stays until its time is over, unless something new
// comes or the service goes.
func (s *server) checkKept(before, next slipway.State) {
	if d := next.Deployment; next.Target.Removing || d != nil && d.Phase != slipway.Pending && d.Phase != slipway.Cancelled {
		return
	}
	for _, r := range before.Target.Retained {
		if soon := s.Now().Add(s.w.skew(s.w.began)); !retained(next.Target, r.Group) && soon.Before(r.Until) {
			s.w.violate("%s lets go of %s, which is kept until %s", s.name, r.Group, r.Until.Format(time.TimeOnly))
		}
	}
}

// checkActive: workers that can be told take no work in a stage that says so, and,
// where somebody works meanwhile, none before one of them was ready.
func (s *server) checkActive(before, next slipway.State) {
	d := next.Deployment
	spec := next.Specs[d.Candidate]
	if d.Phase != slipway.Progressing || !spec.Active || !spec.Revision.Run.Passive {
		return
	}
	if d.Stages[d.At].Passive {
		s.w.violate("deployment %d takes work in a stage in which it is passive", d.ID)
	}
	begins := !before.Specs[d.Candidate].Active
	waits := d.Stable != "" && (spec.Revision.Strategy == slipway.Canary || spec.Revision.Strategy == slipway.Immutable) && !alone(d)
	if begins && waits && s.count(d.Target, d.Candidate, serves) == 0 {
		s.w.violate("deployment %d takes work before anybody of it is ready", d.ID)
	}
}

// alone reports whether the old ones end before the new ones start.
func alone(d *slipway.Deployment) bool {
	return slices.ContainsFunc(d.Stages, func(s slipway.Stage) bool { return s.Order == slipway.Alone })
}

// checkHolds: who is scaled is not let off any hold of workers.
func (s *server) checkHolds(was, is *slipway.Deployment, r slipway.Revision) {
	if r.Kind != slipway.Worker || r.Hold == 0 || was.Phase != slipway.Progressing || was.Want == is.Want {
		return
	}
	held := func(d *slipway.Deployment) (n int) {
		for _, stage := range d.Stages[:d.At] {
			if stage.Hold > 0 {
				n++
			}
		}
		return n
	}
	most := held(was)
	if !was.Held.IsZero() {
		most++ // the one that is just over
	}
	if past := held(is); past > most {
		s.w.violate("deployment %d is past %d holds of its workers when it is scaled, and was past %d", is.ID, past, held(was))
	}
}

// note counts what worlds have been through.
func (s *server) note(before, next slipway.State) {
	w, t := s.w, next.Target
	for what, is := range map[string]bool{
		"retained":   len(t.Retained) > 0,
		"ailing":     t.Ailing,
		"draining":   len(next.Draining) > 0,
		"taken back": next.Deployment != nil && next.Deployment.Phase == slipway.Progressing && next.Deployment.Candidate != slipway.GroupOf(next.Deployment.ID),
		"rescaled while it moves": next.Deployment != nil && before.Deployment != nil && next.Deployment.Phase == slipway.Progressing && before.Deployment.Phase == slipway.Progressing &&
			next.Deployment.Want != before.Deployment.Want,
	} {
		if is {
			w.saw("state", what)
		}
	}
	for _, spec := range next.Specs {
		if spec.Revision.Kind == "" {
			w.saw("state", "adopted")
		}
	}
}

// saw counts what a deployment that starts is made of.
func (t *truth) saw(w *World, next slipway.State) {
	d := next.Deployment
	r := next.Specs[d.Candidate].Revision
	if d.Phase != slipway.Progressing {
		return
	}
	w.saw("strategy", string(r.Strategy))
	if detaches(d) {
		w.saw("strategy", "detach")
	}
	if r.Strategy == slipway.Canary && r.Kind == slipway.Worker {
		w.saw("strategy", "workers canary")
	}
	for _, stage := range d.Stages {
		if d.Stable == "" && stage.Hold > 0 && len(stage.Gates) > 0 {
			w.saw("stage", "first, judged")
		}
		w.saw("stage", string(stage.Order))
		for what, is := range map[string]bool{
			"by ready": stage.ByReady, "by weight": !stage.ByReady, "lent": stage.Leased, "passive": stage.Passive,
			"preview": stage.Preview, "hold": stage.Hold > 0, "gates": len(stage.Gates) > 0,
		} {
			if is {
				w.saw("stage", what)
			}
		}
	}
}
