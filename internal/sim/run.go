package sim

import (
	"context"
	"time"

	"github.com/slipway-cd/slipway"
)

// Report is what came of a seed.
type Report struct {
	Seed      uint64
	Violation string // "" when all invariants held
	Story     []string
	Counts    Counts
}

// Run lives through the world of a seed.
func Run(seed uint64, o Options) Report {
	w := newWorld(seed, o)
	w.publish(webService, good)
	w.publish(workerService, good)
	w.ask()
	for range 100 + w.rng.IntN(300) {
		if w.violation != "" {
			break
		}
		w.event()
	}
	if w.violation == "" {
		w.settle()
	}
	return Report{Seed: seed, Violation: w.violation, Story: w.story, Counts: w.counts}
}

// event is one thing that happens.
func (w *World) event() {
	w.counts.Events++
	router := w.routers[w.rng.IntN(len(w.routers))]
	switch n := w.rng.IntN(100); {
	case n < 40:
		w.step()
	case n < 52:
		w.pass(w.between(time.Millisecond, 300*time.Millisecond))
	case n < 56:
		w.pass(w.between(300*time.Millisecond, 12*time.Second))
	case n < 68:
		router.pull()
	case n < 80:
		router.post()
	case n < 88:
		w.serve(router)
	case n < 91:
		w.hurt()
	case n < 93:
		w.deliverLate()
	case n < 94:
		router.restart()
	case n < 95:
		router.silent = !router.silent
	case n < 96:
		if s := w.awake(); s != nil {
			w.tell("%s  killed at rest", s.name)
			s.boot()
		}
	default:
		w.ask()
	}
}

// step lets some server look at some target.
func (w *World) step() {
	s := w.awake()
	if s == nil || len(w.targets) == 0 {
		return
	}
	t := w.targets[w.rng.IntN(len(w.targets))]
	s.run("step "+t.String(), func() error {
		_, err := s.c.Step(context.Background(), t)
		return err
	})
}

func (w *World) serve(r *router) {
	for range 1 + w.rng.IntN(8) {
		for _, t := range w.targets {
			r.serve(t)
		}
	}
}

// hurt crashes an instance, or makes it unready for a while.
func (w *World) hurt() {
	var alive []*instance
	for _, g := range w.driver.groups {
		for _, i := range g.instances {
			if i.running() && i.Phase != slipway.InstanceBackoff {
				alive = append(alive, i)
			}
		}
	}
	if len(alive) == 0 {
		return
	}
	i := alive[w.rng.IntN(len(alive))]
	if i.Phase == slipway.InstanceReady && w.chance(2) {
		i.enter(slipway.InstanceUnready, w.now, "GET /readyz 503")
		i.readyAt = w.now.Add(w.between(10*time.Millisecond, 5*time.Second))
		w.tell("     %s is not ready for a while", i.ID)
		return
	}
	i.die(w.now)
	w.tell("     %s crashes", i.ID)
}

// deliverLate brings a call a second time, long after the first.
func (w *World) deliverLate() {
	if len(w.late) == 0 {
		return
	}
	k := w.rng.IntN(len(w.late))
	call := w.late[k]
	w.late = append(w.late[:k], w.late[k+1:]...)
	w.tell("     a call arrives a second time")
	call()
}
