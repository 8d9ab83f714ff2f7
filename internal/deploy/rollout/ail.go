package rollout

import "time"

// patience with a stable group that heals, at least; else its own deadline.
const patience = 30 * time.Second

// ail notices when what serves lacks instances that do not come back, and when
// they have.
func (p *plan) ail() {
	t := &p.next.Target
	ready := p.ready(t.Stable)
	if ready >= t.Want {
		if t.Ailing {
			p.say("%s is whole again: %d of %d ready", p.stable(), ready, t.Want)
		}
		t.Lacking, t.Ailing = time.Time{}, false
		return
	}
	if t.Lacking.IsZero() {
		t.Lacking = p.now
	}
	allowed := max(patience, p.next.Specs[t.Stable].Revision.Health.Deadline)
	switch told := t.Lacking.Add(allowed); {
	case t.Ailing:
	case p.now.Before(told):
		p.wakeAt(told)
	default:
		t.Ailing = true
		p.say("%s cannot be healed: %d of %d have been ready for %s; %s", p.stable(), ready, t.Want, span(allowed), p.whyNotReady(t.Stable, t.Want, allowed))
	}
}

func (p *plan) stable() string {
	return release(p.next.Specs[p.next.Target.Stable].Revision.Release)
}
