package rollout

import (
	"fmt"
	"time"

	"github.com/slipway-cd/slipway"
)

// What is put up with of a new instance that ends by itself. One that was ready
// was good for something, and ends under load. One that never was may lack what
// comes up a moment later, so that a few quick ends say nothing: it is given some
// time as well, if not all until its deadline.
const (
	mostCrashes  = 3 // restarts after it had been ready
	mostStarts   = 5 // restarts of one that never was,
	leastAwaited = 10 * time.Second
)

// crashes says that an instance of the candidate ends again and again, or "",
// and notes which.
func (p *plan) crashes(d *slipway.Deployment) string {
	for _, i := range p.members(d.Candidate) {
		switch {
		case i.EverReady && i.Restarts >= mostCrashes:
			d.Blamed = i.ID
			return fmt.Sprintf("%s was restarted %s after it had been ready%s", i.ID, times(i.Restarts), because(i.Why))
		case !i.EverReady && i.Restarts >= mostStarts && i.Phase == slipway.InstanceBackoff && p.awaited(d):
			d.Blamed = i.ID
			return fmt.Sprintf("%s was restarted %s and never got ready%s", i.ID, times(i.Restarts), because(i.Why))
		}
	}
	return ""
}

// awaited reports whether what a deployment lacks was waited for long enough to
// call it a loop.
func (p *plan) awaited(d *slipway.Deployment) bool {
	if d.Waiting.IsZero() {
		return false
	}
	over := d.Waiting.Add(leastAwaited)
	if p.now.Before(over) {
		p.wakeAt(over)
		return false
	}
	return true
}
