package rollout

import (
	"slices"

	"github.com/slipway-cd/slipway"
)

// retain keeps the group that served before for as long as the revision that
// takes its place asks for.
func (p *plan) retain(d *slipway.Deployment) {
	keep := p.next.Specs[d.Candidate].Revision.KeepOld
	if d.Stages[d.At].Old == 0 || keep == 0 {
		return
	}
	until := p.now.Add(keep)
	p.next.Target.Retained = append(slices.Clone(p.next.Target.Retained), slipway.Retained{Group: d.Stable, Until: until})
	p.say("@%d is kept for %s without traffic, so that going back is a change of weights", d.From, span(keep))
}

// settleRetained keeps retained groups as they are until their time is over.
func (p *plan) settleRetained() {
	t := &p.next.Target
	over := func(r slipway.Retained) bool { return !p.now.Before(r.Until) }
	if slices.ContainsFunc(t.Retained, over) {
		t.Retained = slices.DeleteFunc(slices.Clone(t.Retained), over)
		if len(t.Retained) == 0 {
			t.Retained = nil
		}
	}
	for _, r := range t.Retained {
		p.keep[r.Group] = p.staying(r.Group)
		p.wakeAt(r.Until)
	}
}

// isRetained reports whether g is kept without traffic.
func (p *plan) isRetained(g slipway.GroupID) bool {
	return slices.ContainsFunc(p.next.Target.Retained, func(r slipway.Retained) bool { return r.Group == g })
}

// retained finds a retained group of a revision that can serve at once.
func (p *plan) retained(r slipway.RevisionID) (slipway.GroupID, bool) {
	for _, kept := range p.next.Target.Retained {
		if p.next.Specs[kept.Group].Revision.ID == r && p.ready(kept.Group) > 0 {
			return kept.Group, true
		}
	}
	return "", false
}

// takeBack makes a retained group the candidate: it has run all the time, so
// all that is needed is the weight. The group that it replaces goes then.
func (p *plan) takeBack(d *slipway.Deployment, kept slipway.GroupID, from int) {
	d.Candidate = kept
	d.Stages = takenBack(min(d.Want, p.ready(kept)), d.Want, from)
}

// takenBack is the way back to a group of which some are ready: they have all
// traffic at once, and the old group goes when there are as many as are wanted.
func takenBack(ready, want, from int) []slipway.Stage {
	return []slipway.Stage{
		{New: ready, Old: from, Order: slipway.Surge, Weight: slipway.All},
		{New: want, Order: slipway.Surge, Weight: slipway.All},
	}
}
