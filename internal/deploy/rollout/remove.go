package rollout

import (
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

// dismiss takes a target away when a person asked for that: what moves goes
// back first, then nobody is wanted any more and everybody leaves as always.
// When the last is gone the target is as it was before its first deployment,
// and its ports are free.
func (p *plan) dismiss() {
	t := &p.next.Target
	if !t.Removing {
		return
	}
	if d := p.next.Deployment; d != nil && !d.Phase.Ended() {
		d.Asked = slipway.AskedAbort
		return
	}
	t.Retained = nil
	left := slices.ContainsFunc(p.was.Groups, func(g slipway.GroupStatus) bool { return len(g.Instances) > 0 })
	if left || len(p.next.Draining) > 0 {
		if !left { // this plan crosses off the last
			p.wakeAt(p.now)
		}
		return
	}
	p.say("nothing of it runs any more")
	t.Stable, t.Want, t.Scale, t.Previous = "", 0, 0, ""
	t.Port, t.Preview = 0, 0
	t.Lacking, t.Ailing, t.Removing, t.Removed = time.Time{}, false, false, p.now
}
