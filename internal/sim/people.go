package sim

import (
	"context"
	"fmt"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/controller"
)

const (
	webService    slipway.ServiceName     = "web"
	workerService slipway.ServiceName     = "worker"
	environment   slipway.EnvironmentName = "test"
)

var mei = slipway.Actor{Kind: slipway.ActorUser, Name: "mei"}

// publish makes a release, with a temper, a scale and a manner of its own.
func (w *World) publish(service slipway.ServiceName, t temper) int {
	m := slipway.Manifest{
		Service: service, Kind: slipway.Web,
		Health: slipway.Health{Deadline: w.deadline()},
		Run:    slipway.Run{Env: map[string]string{temperVariable: string(t)}},
	}
	if service == workerService {
		m.Kind = slipway.Worker
		m.Needs = []slipway.Need{{Service: webService, AtLeast: w.rng.IntN(3)}}
		m.Run.Passive = w.chance(2)
	}
	m.Environments = map[slipway.EnvironmentName]slipway.Placement{environment: {Replicas: 1 + w.rng.IntN(5), Rollout: w.manner(m)}}
	n := len(w.store.releases[service]) + 1
	w.store.releases[service] = append(w.store.releases[service], slipway.Release{Service: service, Number: n, Subject: string(t), Manifest: m, Image: image(service, n), Actor: mei})
	return n
}

// ask is a person who wants something, of any of the servers.
func (w *World) ask() {
	s := w.awake()
	if s == nil {
		return
	}
	service := webService
	if w.chance(3) {
		service = workerService
	}
	if w.keeping() && w.chance(2) {
		w.rollBack(s, webService)
		return
	}
	r := controller.Request{Service: service, Environment: environment, Actor: mei, Kind: slipway.KindDeploy}
	switch n := w.rng.IntN(20); {
	case n < 8:
		r.Release = w.publish(service, tempers[w.rng.IntN(len(tempers))])
	case n < 12:
		r.Kind = slipway.KindRollback
		if w.chance(3) {
			r.Release = 1 + w.rng.IntN(max(1, len(w.store.releases[service])))
		}
	case n < 14:
		r.Kind = slipway.KindRestart
	case n < 16:
		if w.chance(3) {
			w.promote(s)
			return
		}
		w.abort(s)
		return
	case n < 18:
		w.scale(s)
		return
	default: // what moves goes, the new one comes
		r.Release, r.Replace = w.publish(service, good), true
	}
	if w.chance(6) {
		r.Override = "customers cannot pay"
	}
	w.saw("asked", string(r.Kind))
	w.deploy(s, r)
}

// rollBack asks for what served before.
func (w *World) rollBack(s *server, service slipway.ServiceName) {
	w.saw("asked", "rollback")
	w.deploy(s, controller.Request{Service: service, Environment: environment, Actor: mei, Kind: slipway.KindRollback})
}

// scale asks for another number of instances, whatever is just going on; now
// and then for none at all.
func (w *World) scale(s *server) {
	if len(w.targets) == 0 {
		return
	}
	t := w.targets[w.rng.IntN(len(w.targets))]
	if w.chance(8) {
		w.tell("mei  removes %s, says %s", t, s.name)
		s.run("remove", func() error {
			err := s.c.Remove(context.Background(), t, mei)
			if err == nil {
				w.saw("asked", "remove")
			}
			return err
		})
		return
	}
	n := w.rng.IntN(6)
	w.tell("mei  scales %s to %d, says %s", t, n, s.name)
	s.run("scale", func() error {
		err := s.c.Scale(context.Background(), t, n, mei)
		if err == nil {
			w.saw("asked", "scale")
		}
		return err
	})
}

// deploy asks once or, with the same key, twice.
func (w *World) deploy(s *server, r controller.Request) {
	w.tell("mei  %s %s@%d, says %s", r.Kind, r.Service, r.Release, s.name)
	r.Key = fmt.Sprintf("key-%d", w.rng.Uint64())
	var first slipway.Deployment
	epoch := w.store.epoch
	for range 1 + w.rng.IntN(2) {
		s.run("deploy", func() error {
			d, err := s.c.Deploy(context.Background(), r)
			if err == nil && first.ID != 0 && d.ID != first.ID && w.store.epoch == epoch {
				w.violate("asking twice with one key made deployments %d and %d", first.ID, d.ID)
			}
			if err == nil {
				first = d
			}
			return err
		})
	}
}

// abort picks a deployment that has not ended.
func (w *World) abort(s *server) {
	for _, d := range w.store.deployments {
		if !d.Phase.Ended() && w.chance(2) {
			w.saw("asked", "abort")
			w.tell("mei  aborts deployment %d, says %s", d.ID, s.name)
			s.run("abort", func() error { return s.c.Abort(context.Background(), d.ID, mei) })
			return
		}
	}
}

// promote lets the stage of a deployment pass.
func (w *World) promote(s *server) {
	for _, d := range w.store.deployments {
		if d.Phase != slipway.Progressing || !w.chance(2) {
			continue
		}
		w.tell("mei  promotes deployment %d, says %s", d.ID, s.name)
		w.truth.promoted[d.ID] = true
		s.run("promote", func() error {
			err := s.c.Promote(context.Background(), d.ID, 0, mei, "it looks well")
			if err == nil {
				w.saw("asked", "promote")
			}
			return err
		})
		return
	}
}

// awake picks a server that does not stand still.
func (w *World) awake() *server {
	var free []*server
	for _, s := range w.servers {
		if s.busy == 0 {
			free = append(free, s)
		}
	}
	if len(free) == 0 {
		return nil
	}
	return free[w.rng.IntN(len(free))]
}
