package rollout

import (
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

// rescale takes up the scale that a person asked for. A deployment that moves
// goes on to the new one, from where it is.
func (p *plan) rescale() {
	t := &p.next.Target
	want := t.Asked
	if want == 0 {
		return
	}
	t.Asked = 0
	if t.Stable != "" && t.Want != want {
		p.say("scales @%d from %s to %d", p.next.Specs[t.Stable].Revision.Release, count(t.Want, "instance"), want)
		t.Want = want
	}
	if d := p.next.Deployment; d != nil && !d.Phase.Ended() {
		p.rescaleDeployment(d, want)
	}
}

func (p *plan) rescaleDeployment(d *slipway.Deployment, want int) {
	d.Want = want
	if d.Phase == slipway.Progressing && p.isTakenBack(d) {
		d.Stages = takenBack(min(want, d.Stages[0].New), want, p.next.Target.Want)
		return
	}
	if d.Phase != slipway.Progressing {
		return
	}
	was, at := d.Stages, d.Stages[d.At]
	from := p.next.Target.Want
	if d.Stable == "" {
		from = 0
	}
	r := p.rollout(p.next.Specs[d.Candidate].Revision)
	if alone(d) {
		r.Strategy = slipway.Recreate // as it began, though the leftover for which it did is gone
	}
	stages := Compile(r, p.was.Target.Kind, from, want, d.Stable == "")
	if d.Stages = stages; p.was.Target.Kind == slipway.Web {
		d.At = resume(stages, at, d.Weight)
	} else {
		d.At = resumeWork(stages, was, d.At)
	}
	d.Promoted = 0 // it was a stage of another schedule
	if stages[d.At].Weight != at.Weight {
		d.Held = time.Time{} // it was another weight
	}
	if !stages[d.At].ByReady {
		d.Weight = min(d.Weight, stages[d.At].Weight) // more is to be tried anew
	}
	d.Floor = floor(d, d.Floor)
	p.say("goes on to %s of @%d", count(want, "instance"), d.Release)
}

// resume finds the stage of a new schedule that stands for one of the old, where
// a weight was given. Nothing that is on trial is let off its trial: who grows
// between two weights does not get beyond one that is still to be tried.
func resume(stages []slipway.Stage, at slipway.Stage, given slipway.BasisPoints) int {
	i := alike(stages, at)
	untried := slices.IndexFunc(stages, func(s slipway.Stage) bool { return s.Leased && s.Weight > given })
	if at.ByReady && untried >= 0 {
		return min(i, untried)
	}
	return i
}

// alike finds the stage that is like one of another schedule. Where traffic
// follows the ready instances it is the first with as many new ones at least.
// Where it is split by weight it is the first of the same kind with that weight
// at least, else the last: the weight that some can carry changes with their
// number.
func alike(stages []slipway.Stage, at slipway.Stage) int {
	last := len(stages) - 1
	for i, s := range stages {
		switch {
		case s.ByReady != at.ByReady || s.Leased != at.Leased || s.Preview != at.Preview:
		case s.ByReady && s.New >= at.New && (s.Old > 0 || at.Old == 0):
			return i
		case !s.ByReady && s.Weight >= at.Weight:
			return i
		case !s.ByReady:
			last = i
		}
	}
	return last
}

// resumeWork finds it for workers, who are on trial without a weight: until they
// are ready they are passive, and then they are held, some times. Nobody gets past
// more holds than before, nor past the last where there was another to come.
func resumeWork(stages, was []slipway.Stage, at int) int {
	if i := slices.IndexFunc(stages, isIdle); was[at].Passive && i >= 0 {
		return i
	}
	next := len(stages) - 1
	switch all, past := holds(stages), len(holds(was[:at])); {
	case past < len(all):
		next = all[past]
	case past < len(holds(was)) && len(all) > 0:
		next = all[len(all)-1]
	}
	if isHeld(was[at]) {
		return next
	}
	for i, s := range stages[:next] {
		if !s.Passive && !isHeld(s) && s.New >= was[at].New && (s.Old > 0 || was[at].Old == 0) {
			return i
		}
	}
	return next
}

// holds are the places of the stages that are held.
func holds(stages []slipway.Stage) (all []int) {
	for i, s := range stages {
		if isHeld(s) {
			all = append(all, i)
		}
	}
	return all
}

func isHeld(s slipway.Stage) bool { return s.Hold > 0 || len(s.Gates) > 0 }

func isIdle(s slipway.Stage) bool { return s.Passive }

func (p *plan) isTakenBack(d *slipway.Deployment) bool { return d.Candidate != slipway.GroupOf(d.ID) }
