package rollout

import (
	"slices"

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
	stages := Compile(p.rollout(p.next.Specs[d.Candidate].Revision), p.was.Target.Kind, from, want, d.Stable == "")
	d.At = resume(stages, at)
	d.Stages = stages
	d.Floor = floor(d, d.Floor)
	p.say("goes on to %s of @%d", count(want, "instance"), d.Release)
}

// resume finds the stage of a new schedule that stands for one of the old: of
// the same kind and weight, and with as many new instances at least; else the
// last.
func resume(stages []slipway.Stage, at slipway.Stage) int {
	i := slices.IndexFunc(stages, func(s slipway.Stage) bool {
		return s.ByReady == at.ByReady && s.Weight == at.Weight && s.Preview == at.Preview && (!s.ByReady || s.New >= at.New) && (s.Old > 0 || at.Old == 0)
	})
	if i < 0 {
		return len(stages) - 1
	}
	return i
}

func (p *plan) isTakenBack(d *slipway.Deployment) bool { return d.Candidate != slipway.GroupOf(d.ID) }
