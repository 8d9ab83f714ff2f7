package server

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// TargetPath names a target in a path. It is exported for huma, which fills
// embedded fields only then.
type TargetPath struct {
	Service     string `path:"service"`
	Environment string `path:"environment"`
}

// target is the one that a path names, in an environment that is declared.
func (s *Server) target(ctx context.Context, in TargetPath) (slipway.TargetID, error) {
	id := slipway.TargetID{Service: slipway.ServiceName(in.Service), Environment: slipway.EnvironmentName(in.Environment)}
	return id, s.known(ctx, id.Environment)
}

// targets registers what runs where.
func (s *Server) targets(on huma.API) {
	get(s, on, "get-board", "/board", "Services by environments: what runs where", func(ctx context.Context, _ *none) (api.Board, error) {
		return s.View.Board(ctx)
	})
	get(s, on, "get-target", "/targets/{service}/{environment}", "A service in an environment", func(ctx context.Context, in *TargetPath) (api.Target, error) {
		id, err := s.target(ctx, *in)
		if err != nil {
			return api.Target{}, err
		}
		return s.View.Target(ctx, id)
	})
	post(s, on, "scale-target", "/targets/{service}/{environment}/scale", "Ask for a number of instances, now and later", s.scale)
	post(s, on, "remove-target", "/targets/{service}/{environment}/remove", "Ask that nothing of it runs any more", s.remove)
}

func (s *Server) scale(ctx context.Context, in *struct {
	TargetPath
	Body api.Scale
}) (api.Target, error) {
	return s.instruct(ctx, in.TargetPath, "scale", func(t slipway.TargetID, by slipway.Actor) error {
		return s.Deployer.Scale(ctx, t, in.Body.Instances, by)
	})
}

func (s *Server) remove(ctx context.Context, in *TargetPath) (api.Target, error) {
	return s.instruct(ctx, *in, "remove", func(t slipway.TargetID, by slipway.Actor) error {
		return s.Deployer.Remove(ctx, t, by)
	})
}

// instruct lets people, and no jobs, change how a service stands somewhere.
func (s *Server) instruct(ctx context.Context, in TargetPath, what string, change func(slipway.TargetID, slipway.Actor) error) (api.Target, error) {
	id, err := s.target(ctx, in)
	if err != nil {
		return api.Target{}, err
	}
	p := from(ctx)
	if p.Job != nil || !p.CanDeploy(id.Environment) {
		return api.Target{}, slipway.Errorf(slipway.Forbidden, "%s may not %s what runs in %s", p.Actor.Name, what, id.Environment)
	}
	if err := change(id, p.Actor); err != nil {
		return api.Target{}, err
	}
	return s.View.Target(ctx, id)
}
