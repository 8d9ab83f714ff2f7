package server

import (
	"context"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/server/view"
)

// recentDeployments is how many of a service's deployments are shown for each
// environment.
const recentDeployments = 5

// Places shows a service in every environment, to a person who may read. It
// returns NotFound for a service without a release.
func (s *Server) Places(ctx context.Context, name string) (api.Places, error) {
	row, err := s.View.Service(ctx, slipway.ServiceName(name))
	if err != nil {
		return api.Places{}, err
	}
	locks, err := s.Store.Locks(ctx)
	if err != nil {
		return api.Places{}, err
	}
	placebos, err := s.Store.Placebos(ctx)
	if err != nil {
		return api.Places{}, err
	}
	shown := api.Places{BoardService: row}
	for _, t := range row.Targets {
		p, err := s.place(ctx, t)
		if err != nil {
			return shown, err
		}
		id := slipway.TargetID{Service: slipway.ServiceName(name), Environment: slipway.EnvironmentName(t.Environment)}
		for _, l := range locks {
			if l.Covers(id) {
				p.Locks = append(p.Locks, view.Lock(l))
			}
		}
		for _, tried := range placebos {
			if tried.Target == id {
				p.Placebo = api.Placebo{Trials: tried.Trials, Alarms: tried.Alarms}
			}
		}
		shown.Environments = append(shown.Environments, p)
	}
	return shown, nil
}

func (s *Server) place(ctx context.Context, t api.Target) (api.Place, error) {
	id := slipway.TargetID{Service: slipway.ServiceName(t.Service), Environment: slipway.EnvironmentName(t.Environment)}
	p := api.Place{Target: t}
	live, err := s.liveRevision(ctx, id)
	if err != nil {
		return p, err
	}
	if live.Release > 0 {
		for _, f := range (slipway.Placement{Rollout: live.Rollout}).Facts() {
			p.Strategy = append(p.Strategy, api.Fact(f))
		}
	}
	newest, err := s.Settings.Config(ctx, id, 0)
	if err != nil {
		return p, err
	}
	p.Settings, p.LiveConfig = view.Settings(newest, live), live.Config
	secrets, err := s.secretsOf(ctx, id, live)
	if err != nil {
		return p, err
	}
	for _, v := range secrets {
		if v.Newest || v.Live {
			p.Secrets = append(p.Secrets, v)
		}
	}
	recent, err := s.Store.Deployments(ctx, slipway.DeploymentFilter{Target: id}, recentDeployments)
	if err != nil {
		return p, err
	}
	p.Recent, err = s.View.Deployments(ctx, recent)
	return p, err
}
