package sim

import (
	"reflect"
	"slices"

	"github.com/slipway-cd/slipway"
)

// What is checked here is what was done: calls that reach the world are held
// against what is committed, and against the world itself.

// checkApply: nothing is made that was not committed before.
func (s *server) checkApply(g slipway.GroupSpec) {
	committed := s.w.committed(g.Target, g.Fence).Specs[g.ID]
	if committed.Replicas != g.Replicas || committed.Revision.ID != g.Revision.ID {
		s.w.violate("persist, then act: %s asks for %d of %s at %s, where %d are committed", s.name, g.Replicas, g.ID, g.Fence, committed.Replicas)
	}
}

// checkRoute: no route is sent that was not committed before.
func (s *server) checkRoute(r slipway.Route) {
	committed := s.w.committed(r.Target, r.Fence).Route
	if committed == nil || !reflect.DeepEqual(*committed, r) {
		s.w.violate("persist, then act: %s sends a route %s of %s that is not committed", s.name, r.Fence, r.Target)
	}
}

// checkStop: nobody is stopped without being on the way out, and (8) no
// rollout replaces what it made itself.
func (s *server) checkStop(t slipway.TargetID, id slipway.InstanceID, f slipway.Fence) {
	state := s.w.committed(t, f)
	if !state.Draining[id].Stopped {
		s.w.violate("persist, then act: %s stops %s at %s, where that is not committed", s.name, id, f)
	}
	i := s.w.driver.instance(id)
	d := state.Deployment
	if i != nil && d != nil && d.Phase == slipway.Progressing && i.group == d.Candidate && i.Phase == slipway.InstanceReady {
		s.w.violate("invariant 8: deployment %d stops %s, which it made and which is ready", d.ID, id)
	}
}

func (w *World) committed(t slipway.TargetID, f slipway.Fence) slipway.State {
	r, err := w.store.row(t)
	if err != nil {
		return slipway.State{}
	}
	return r.history[f]
}

// checkUnused: (3) who is stopped or forgotten is in nobody's table and has
// nothing in flight.
func (w *World) checkUnused(i *instance, what string) {
	for _, r := range w.routers {
		if r.has(i) {
			w.violate("invariant 3: %s is %s while %s routes to it", i.ID, what, r.id)
		}
		if n := r.inFlight(i); n > 0 {
			w.violate("invariant 3: %s is %s while %s has %d requests in flight to it", i.ID, what, r.id, n)
		}
	}
	if routes(w.routes[i.target], i.ID) {
		w.violate("invariant 3: %s is %s while it is in the newest route", i.ID, what)
	}
}

// checkSend: (4) who was never ready gets no request, and nobody gets somebody
// else's. It reports whether the request arrives; a crash may lose one.
func (w *World) checkSend(r *router, e slipway.Endpoint, to *instance) bool {
	switch {
	case to == nil:
		w.violate("lost: %s sends a request to %s, which is gone", r.id, e.Instance)
	case to.ID != e.Instance:
		w.violate("misrouted: %s sends a request for %s to %s, which has its port now", r.id, e.Instance, to.ID)
	case !to.EverReady:
		w.violate("invariant 4: %s sends a request to %s, which was never ready", r.id, to.ID)
	case !to.running():
		w.violate("lost: %s sends a request to %s, which is %s", r.id, to.ID, to.Phase)
	default:
		return to.Phase == slipway.InstanceReady
	}
	return false
}

// checkSpawn: what must never run twice does not.
func (w *World) checkSpawn(spec slipway.GroupSpec) {
	if spec.Revision.Strategy != slipway.Recreate {
		return
	}
	for _, g := range w.driver.groups {
		for _, i := range g.instances {
			if i.target == spec.Target && i.group != spec.ID && i.Phase != slipway.InstanceStopped {
				w.violate("recreate: %s starts while %s of %s is %s", spec.ID, i.ID, i.group, i.Phase)
			}
		}
	}
}

// checkPhase: (7) terminal states absorb, and phases follow each other as drawn.
func (w *World) checkPhase(was, is slipway.Deployment) {
	if was.Phase == is.Phase {
		return
	}
	legal := map[slipway.Phase][]slipway.Phase{
		slipway.Pending:     {slipway.Progressing, slipway.Cancelled, slipway.Superseded, slipway.Failed},
		slipway.Progressing: {slipway.Succeeded, slipway.Failed, slipway.RollingBack, slipway.RolledBack},
		slipway.RollingBack: {slipway.RolledBack, slipway.Stuck},
	}
	if !slices.Contains(legal[was.Phase], is.Phase) {
		w.violate("invariant 7: deployment %d goes from %s to %s", is.ID, was.Phase, is.Phase)
	}
	if is.Phase.Ended() {
		w.counts.Ended[is.Phase]++
	}
}
