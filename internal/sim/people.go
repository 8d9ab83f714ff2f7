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

// publish makes a release, with a temper and a scale of its own.
func (w *World) publish(service slipway.ServiceName, t temper) int {
	m := slipway.Manifest{
		Service: service, Kind: slipway.Web,
		Health:       slipway.Health{Deadline: deadline},
		Environments: map[slipway.EnvironmentName]slipway.Placement{environment: {Replicas: 1 + w.rng.IntN(4), Rollout: slipway.Rollout{Strategy: slipway.Rolling}}},
	}
	place := m.Environments[environment]
	if w.chance(4) {
		place.Strategy = slipway.Recreate
	}
	m.Environments[environment] = place
	if service == workerService {
		m.Kind = slipway.Worker
		m.Needs = []slipway.Need{{Service: webService, AtLeast: w.rng.IntN(3)}}
	}
	n := len(w.store.releases[service]) + 1
	w.store.releases[service] = append(w.store.releases[service], slipway.Release{Service: service, Number: n, Subject: string(t), Manifest: m})
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
	r := controller.Request{Service: service, Environment: environment, Actor: mei}
	switch n := w.rng.IntN(10); {
	case n < 5:
		r.Release = w.publish(service, tempers[w.rng.IntN(len(tempers))])
	case n < 7:
		r.Kind = slipway.KindRollback
		if w.chance(2) {
			r.Release = 1 + w.rng.IntN(max(1, len(w.store.releases[service])))
		}
	case n < 8:
		r.Kind = slipway.KindRestart
	default:
		w.abort(s)
		return
	}
	w.deploy(s, r)
}

// deploy asks once or, with the same key, twice.
func (w *World) deploy(s *server, r controller.Request) {
	w.tell("mei  %s %s@%d, says %s", r.Kind, r.Service, r.Release, s.name)
	r.Key = fmt.Sprintf("key-%d", w.rng.Uint64())
	var first slipway.Deployment
	for range 1 + w.rng.IntN(2) {
		s.run("deploy", func() error {
			d, err := s.c.Deploy(context.Background(), r)
			if err == nil && first.ID != 0 && d.ID != first.ID {
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
			w.tell("mei  aborts deployment %d, says %s", d.ID, s.name)
			s.run("abort", func() error { return s.c.Abort(context.Background(), d.ID, mei) })
			return
		}
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
