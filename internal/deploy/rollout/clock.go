package rollout

import (
	"slices"
	"time"
)

// turnClock takes what was noted in the future for noted now. A clock was put
// back, or was ahead on the server that planned before: nobody has to wait for
// longer than what he waits for takes.
func (p *plan) turnClock() {
	t := &p.next.Target
	p.notAhead(&t.Lacking)
	if d := p.next.Deployment; d != nil && !d.Phase.Ended() {
		p.notAhead(&d.Since)
		p.notAhead(&d.Waiting)
		p.notAhead(&d.Held)
	}
	for i, drain := range p.next.Draining {
		p.notAhead(&drain.Since)
		p.next.Draining[i] = drain
	}
	last := p.now.Add(p.next.Specs[t.Stable].Revision.KeepOld)
	for i, r := range t.Retained {
		if r.Until.After(last) {
			t.Retained = slices.Clone(t.Retained)
			t.Retained[i].Until = last
		}
	}
}

func (p *plan) notAhead(at *time.Time) {
	if at.After(p.now) {
		*at = p.now
	}
}
