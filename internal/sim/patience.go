package sim

import (
	"time"

	"github.com/slipway-cd/slipway"
)

// What is put up with of an instance that crashes before it was ever ready.
const (
	mostStarts   = 5
	leastAwaited = 10 * time.Second
)

// checkPatience: a candidate that crashes on start, again and again, is not
// waited for until its deadline; nor is one given up that may still get ready.
func (w *World) checkPatience(s slipway.State, d slipway.Decision, now time.Time) {
	was, is := s.Deployment, d.Next.Deployment
	if was == nil || was.Phase != slipway.Progressing || was.Candidate != slipway.GroupOf(was.ID) || behind(s) {
		return
	}
	waited := time.Duration(0)
	if !was.Waiting.IsZero() {
		waited = now.Sub(was.Waiting)
	}
	for _, g := range s.Groups {
		for _, i := range g.Instances {
			_, leaving := s.Draining[i.ID]
			loops := !i.EverReady && i.Restarts >= mostStarts && waited >= leastAwaited
			late := waited >= s.Specs[g.ID].Revision.Health.Deadline
			switch {
			case g.ID != was.Candidate || leaving:
			case loops && i.Phase == slipway.InstanceBackoff && is.Phase == slipway.Progressing:
				w.violate("deployment %d waits for %s, which crashed %d times and was never ready", was.ID, i.ID, i.Restarts)
			case i.ID == is.Blamed && is.Phase != slipway.Progressing && !i.EverReady && !loops && !late:
				w.violate("deployment %d gives up on %s after %s and %d crashes", was.ID, i.ID, waited, i.Restarts)
			case i.ID == is.Blamed && loops && !late:
				w.saw("state", "given up for a crash loop")
			}
		}
	}
}

// behind reports whether an executor is yet to be told of the epoch: nothing is
// decided before.
func behind(s slipway.State) bool {
	for _, g := range s.Groups {
		if g.Fence.Epoch < s.Target.Fence.Epoch {
			return true
		}
	}
	return s.ObservedAt != s.Target.Fence
}
