package sim

import (
	"context"
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

// settle ends all faults and lets the world come to rest: every deployment
// ends, or says what it waits for, and what runs is what is wanted.
func (w *World) settle() {
	w.calm = true
	for _, r := range w.routers {
		r.deaf, r.mute = false, false
	}
	w.tell("the faults cease")
	const rounds, longest = 1200, 2 * time.Second
	pause := 250 * time.Millisecond
	for quiet, n := 0, 0; quiet < 5 && n < rounds && w.violation == ""; n++ {
		w.pass(pause)
		if quiet++; w.round() || !w.allEnded() || w.recovering() || w.keeping() {
			quiet = 0
		}
		if pause = min(2*pause, longest); w.changed {
			pause = 250 * time.Millisecond
		}
	}
	if w.violation == "" {
		w.checkRest()
	}
}

// round lets everybody do what is due, and reports whether anything is going on
// that can ever come to rest.
func (w *World) round() bool {
	busy := false
	w.changed = false
	for _, r := range w.routers {
		r.pull()
		r.post()
	}
	for _, t := range w.targets {
		w.servers[0].run("step", func() error {
			step, err := w.servers[0].c.Step(context.Background(), t)
			w.changed = w.changed || step.Changed
			if err != nil || step.Changed || step.Moving || step.Busy {
				busy = busy || !w.restless(t)
			}
			return err
		})
		for _, r := range w.routers {
			r.serve(t)
		}
	}
	return busy
}

// keeping reports whether a group is kept whose time will be over.
func (w *World) keeping() bool {
	return slices.ContainsFunc(w.store.rows, func(r *row) bool { return len(r.state.Target.Retained) > 0 })
}

func (w *World) allEnded() bool {
	for _, d := range w.store.deployments {
		if !d.Phase.Ended() && !w.waits(*d) {
			return false
		}
	}
	return true
}

// waits reports whether a deployment says what gate or person it waits for.
// Locks end by themselves, people and what is needed may never come.
func (w *World) waits(d slipway.Deployment) bool {
	return d.Phase == slipway.Pending && slices.ContainsFunc(d.Verdicts, func(v slipway.GateVerdict) bool {
		return v.State == slipway.GateWait && v.Why != "" && v.Gate != gateClosed
	})
}

// restless reports whether what serves in a target can never come to rest.
func (w *World) restless(t slipway.TargetID) bool {
	r, err := w.store.row(t)
	if err != nil || r.state.Target.Stable == "" {
		return false
	}
	return temperOf(r.state.Specs[r.state.Target.Stable].Revision) != good
}

// recovering reports whether something that will be ready is not.
func (w *World) recovering() bool {
	for _, g := range w.driver.groups {
		for _, i := range g.instances {
			if i.temper == good && i.running() && i.Phase != slipway.InstanceReady {
				return true
			}
		}
	}
	return false
}

func (w *World) checkRest() {
	for _, d := range w.store.deployments {
		if !d.Phase.Ended() && !w.waits(*d) {
			w.violate("invariant 7: deployment %d is still %s, in stage %d of %d: %v", d.ID, d.Phase, d.At+1, len(d.Stages), d.Verdicts)
		}
	}
	for _, r := range w.store.rows {
		if !w.restless(r.state.Target.ID) {
			w.checkTargetRest(r.state)
		}
	}
}

// checkTargetRest: what runs is the stable group at its scale, all of it ready
// and routed, and nothing else.
func (w *World) checkTargetRest(s slipway.State) {
	t := s.Target
	want := t.Want
	if t.Stable == "" {
		want = 0
	}
	ready := 0
	for _, g := range w.driver.groups {
		for _, i := range g.instances {
			switch {
			case i.target != t.ID:
			case i.group != t.Stable:
				w.violate("at rest %s still has %s of %s, %s", t.ID, i.ID, i.group, i.Phase)
			case i.Phase == slipway.InstanceReady:
				ready++
				w.checkRouted(i)
			}
		}
	}
	if t.Stable != "" && t.Scale != 0 && t.Want != t.Scale {
		w.violate("at rest %s has %d instances, where a person asked for %d", t.ID, t.Want, t.Scale)
	}
	if t.Stable != "" && t.Kind == slipway.Web && t.Port == 0 {
		w.violate("at rest %s serves on no port", t.ID)
	}
	if ready != want {
		w.violate("at rest %s has %d ready instances of %d", t.ID, ready, want)
	}
	if len(s.Draining) > 0 || len(s.Specs) > 1 {
		w.violate("at rest %s still has %d instances on the way out and %d groups", t.ID, len(s.Draining), len(s.Specs))
	}
}

func (w *World) checkRouted(i *instance) {
	if i.revision.Kind != slipway.Web {
		return
	}
	for _, r := range w.routers {
		if !r.has(i) {
			w.violate("at rest %s does not route to %s", r.id, i.ID)
		}
	}
}
