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
	at := d.Stages[d.At]
	from := p.next.Target.Want
	if d.Stable == "" {
		from = 0
	}
	r := p.rollout(p.next.Specs[d.Candidate].Revision)
	if alone(d) {
		r.Strategy = slipway.Recreate // as it began, though the leftover for which it did is gone
	}
	stages := Compile(r, p.was.Target.Kind, from, want, d.Stable == "")
	d.At = resume(stages, at, d.Weight)
	d.Stages = stages
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

func (p *plan) isTakenBack(d *slipway.Deployment) bool { return d.Candidate != slipway.GroupOf(d.ID) }
