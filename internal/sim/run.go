package sim

import (
	"context"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/controller"
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
	if !w.chance(4) {
		w.begin()
	}
	w.ask()
	for range 200 + w.rng.IntN(400) {
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

// begin lets what there is be deployed in peace, so that there is something to
// lose.
func (w *World) begin() {
	w.calm = true
	for _, service := range []slipway.ServiceName{webService, workerService} {
		w.deploy(w.servers[0], controller.Request{Service: service, Environment: environment, Actor: mei, Kind: slipway.KindDeploy, Release: 1})
		for n := 0; n < 30 && (w.round() || n < 4); n++ {
			w.pass(250 * time.Millisecond)
		}
	}
	w.calm = false
}

// event is one thing that happens.
func (w *World) event() {
	w.counts.Events++
	router := w.routers[w.rng.IntN(len(w.routers))]
	switch n := w.rng.IntN(1000); {
	case n < 400:
		w.step()
	case n < 520:
		w.pass(w.between(time.Millisecond, 300*time.Millisecond))
	case n < 565:
		w.pass(w.between(300*time.Millisecond, 12*time.Second))
	case n < 680 && w.chance(w.remote):
		router.pull()
	case n >= 680 && n < 790:
		router.post()
	case n >= 680 && n < 860:
		w.serve(router)
	case n >= 860 && n < 880 && w.chance(max(1, w.fury/25)):
		w.hurt()
	case n >= 880 && n < 900:
		w.deliverLate()
	case n >= 900 && n < 925:
		w.ask()
	case n >= 925 && n < 935:
		w.answer()
	case n >= 935 && n < 942:
		w.govern()
	case n >= 942 && w.chance(max(2, w.fury/10)):
		w.misfortune(router)
	default:
		w.step()
	}
}

// misfortune is what befalls a whole process, machine or database.
func (w *World) misfortune(r *router) {
	switch w.rng.IntN(10) {
	case 0:
		w.fault("router restarted")
		r.restart()
	case 1, 2, 3:
		r.cut()
	case 4, 5:
		if s := w.awake(); s != nil {
			w.fault("killed at rest")
			w.tell("%s  killed at rest", s.name)
			s.boot()
		}
	case 6:
		w.turnClock()
	case 7:
		w.fault("store away")
		w.outage = w.now.Add(w.between(50*time.Millisecond, 4*time.Second))
		w.tell("     the store is away for a while")
	case 8:
		w.overload()
	default:
		w.backUpOrRestore()
	}
}

// step lets some server look at some target: mostly the one that owns it, as
// the others wait until its lease is over.
func (w *World) step() {
	s := w.awake()
	if s == nil || len(w.targets) == 0 {
		return
	}
	t := w.targets[w.rng.IntN(len(w.targets))]
	for _, owner := range w.servers {
		if r, err := w.store.row(t); err == nil && r.state.Target.Owner == owner.c.Owner && owner.busy == 0 && !w.chance(4) {
			s = owner
		}
	}
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

// deliverLate brings a call a second time, long after the first.
func (w *World) deliverLate() {
	if len(w.late) == 0 {
		return
	}
	k := w.rng.IntN(len(w.late))
	call := w.late[k]
	w.late = append(w.late[:k], w.late[k+1:]...)
	w.fault("call late")
	w.tell("     a call arrives a second time")
	call()
}
