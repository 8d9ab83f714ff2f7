package sim

import (
	"reflect"
	"slices"

	"github.com/slipway-cd/slipway"
)

// What is checked here is what was done: calls that reach the world are held
// against what is committed, and against the world itself.

// checkApply: nothing is made that was not committed before.
func (s *server) checkApply(g slipway.GroupSpec, announced bool) {
	committed := s.w.committed(g.Target, g.Fence).Specs[g.ID]
	if committed.Replicas != g.Replicas && !announced || committed.Replicas < g.Replicas || committed.Revision.ID != g.Revision.ID || committed.Active != g.Active {
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
	if i != nil && d != nil && d.Phase == slipway.Progressing && i.group == d.Candidate && i.group == slipway.GroupOf(d.ID) && i.Phase == slipway.InstanceReady && d.Replaced != id && !s.w.truth.scaled[d.ID] && s.w.store.epoch == 1 {
		s.w.violate("invariant 8: deployment %d stops %s, which it made and which is ready", d.ID, id)
	}
}

// checkTask: tests are run for a deployment that is committed, while it moves.
func (s *server) checkTask(t slipway.Task) {
	at := s.w.store.find(t.Deployment)
	if at < 0 || s.w.store.deployments[at].Phase == slipway.Pending {
		s.w.violate("persist, then act: %s runs tests for deployment %d, which has not started", s.name, t.Deployment)
	}
}

func (w *World) committed(t slipway.TargetID, f slipway.Fence) slipway.State {
	return w.truth.history[t][f]
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
	newest := w.routes[i.target]
	anew := slices.ContainsFunc(w.routers, func(r *router) bool { return !newest.Fence.Less(r.table[i.target].Fence) })
	if anew && routes(newest, i.ID) {
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
	case w.truth.tests[to.group] && w.tested(to.group) != slipway.TaskPassed && w.store.started(to.group.Deployment()): // else nobody can know
		w.violate("%s sends a request to %s of %s, whose tests have not passed", r.id, to.ID, to.group)
	case !to.running():
		w.violate("lost: %s sends a request to %s, which is %s", r.id, to.ID, to.Phase)
	default:
		return to.Phase == slipway.InstanceReady
	}
	return false
}

// checkRoom: a deployment that replaces in place never runs more than there is
// room for, but for what the database has lost and is on its way out.
func (w *World) checkRoom(spec slipway.GroupSpec) {
	state := w.committed(spec.Target, spec.Fence)
	d := state.Deployment
	if d == nil || d.Phase != slipway.Progressing || !w.truth.starts[d.ID].room {
		return
	}
	found := w.truth.starts[d.ID]
	n := 1
	for _, g := range w.driver.groups {
		for _, i := range g.instances {
			if i.target != spec.Target || i.Phase == slipway.InstanceStopped {
				continue
			}
			if state.Specs[i.group].Revision.Kind == "" {
				return
			}
			n++
		}
	}
	if !found.at.IsZero() && !w.truth.scaled[d.ID] && n > max(found.total, d.Want, state.Target.Want) {
		w.violate("deployment %d replaces in place, and starts a %dth instance where there is room for %d", d.ID, n, max(d.Want, state.Target.Want))
	}
}

// checkSpawn: what must never run twice does not.
func (w *World) checkSpawn(spec slipway.GroupSpec) {
	w.checkRoom(spec)
	for _, g := range w.driver.groups {
		for _, i := range g.instances {
			known := w.committed(spec.Target, spec.Fence).Specs[i.group].Revision
			single := spec.Revision.Strategy == slipway.Recreate || known.Strategy == slipway.Recreate
			if single && i.target == spec.Target && i.group != spec.ID && i.Phase != slipway.InstanceStopped {
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
		slipway.Progressing: {slipway.Succeeded, slipway.Failed, slipway.RollingBack, slipway.RolledBack, slipway.Stuck},
		slipway.RollingBack: {slipway.RolledBack, slipway.Stuck},
	}
	at := w.store.epoch > 1 && was.Phase == slipway.Pending // what it makes may be there already
	if !at && !slices.Contains(legal[was.Phase], is.Phase) {
		w.violate("invariant 7: deployment %d goes from %s to %s", is.ID, was.Phase, is.Phase)
	}
	w.saw("phase", string(is.Phase))
}
