package rollout

import (
	"maps"
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

// slowDrain is when a drain has taken so long that a person may wonder.
const slowDrain = 5 * time.Second

// drain takes everybody on the way out one step further: those of whom no
// router knows any more may be stopped, those that are gone leave the list.
func (p *plan) drain() {
	for _, id := range slices.Sorted(maps.Keys(p.next.Draining)) {
		drain := p.next.Draining[id]
		i, found := p.instance(id)
		if !found {
			delete(p.next.Draining, id)
			continue
		}
		if drain.Fence == (slipway.Fence{}) || drain.Fence.Epoch != p.fence().Epoch {
			drain.Fence = p.routeFence()
		}
		switch {
		case drain.Stopped:
		case ending(i) || p.quiet(id, drain):
			drain.Stopped = true
			p.sayDrained(i, drain)
		case p.now.Before(drain.Since.Add(slowDrain)):
			p.wakeAt(drain.Since.Add(slowDrain))
		default:
			p.sayDraining(i, drain)
		}
		p.next.Draining[id] = drain
	}
}

// quiet reports whether every registered router has acknowledged a route
// without the instance and has no request of it left. A router that is silent
// is not quiet.
func (p *plan) quiet(i slipway.InstanceID, d slipway.Drain) bool {
	return !slices.ContainsFunc(p.was.Routes, func(r slipway.RouteStatus) bool {
		return r.Fence.Less(d.Fence) || r.InFlight[i] > 0
	})
}

// routeFence is the fence of the newest route, which nobody on the way out is
// in; zero when there was never a route to be in.
func (p *plan) routeFence() slipway.Fence {
	if p.next.Route == nil {
		return slipway.Fence{}
	}
	return p.next.Route.Fence
}
