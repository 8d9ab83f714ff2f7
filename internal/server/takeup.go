package server

import (
	"context"
	"fmt"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// takeUp deploys what serves once more, with what is set now. A deployment that
// is pending gives way to one of the same release. When there is nothing to
// deploy, it says why; settled may say so of what serves.
func (s *Server) takeUp(ctx context.Context, id slipway.TargetID, later bool, key string, settled func(slipway.Revision) string) (*api.Deployment, string, error) {
	if later {
		return nil, "it is taken up by the next deployment", nil
	}
	release, why, err := s.toTakeUp(ctx, id, settled)
	if err != nil || why != "" {
		return nil, why, err
	}
	p := from(ctx)
	if key != "" {
		key = "user " + p.Actor.Name + " " + key
	}
	d, err := s.Deployer.Deploy(ctx, Deploy{
		Service: id.Service, Environment: id.Environment, Kind: slipway.KindDeploy, Release: release, Actor: p.Actor, Key: key, Older: true,
	})
	if err != nil {
		return nil, "", err
	}
	shown, err := s.showDeployment(ctx, d)
	return &shown, "", err
}

// toTakeUp is the release to be deployed once more, or why there is none.
func (s *Server) toTakeUp(ctx context.Context, id slipway.TargetID, settled func(slipway.Revision) string) (release int, why string, err error) {
	open, err := s.Store.Deployments(ctx, slipway.DeploymentFilter{Target: id, Open: true}, 1)
	if err != nil {
		return 0, "", err
	}
	if len(open) > 0 {
		d := open[0]
		if d.Phase == slipway.Pending && d.Kind == slipway.KindDeploy {
			return d.Release, "", nil
		}
		return 0, fmt.Sprintf("deployment %d moves %s in %s now; when it has ended: slipway deploy %s %s",
			d.ID, id.Service, id.Environment, id.Environment, slipway.ReleaseName(id.Service, d.Release)), nil
	}
	live, err := s.liveRevision(ctx, id)
	if err != nil {
		return 0, "", err
	}
	if live.Release == 0 {
		return 0, fmt.Sprintf("nothing of %s serves in %s: its first deployment takes it up", id.Service, id.Environment), nil
	}
	return live.Release, settled(live), nil
}

// liveRevision is what serves; of release 0 when nothing does.
func (s *Server) liveRevision(ctx context.Context, id slipway.TargetID) (slipway.Revision, error) {
	t, err := s.Store.Target(ctx, id)
	if slipway.CodeOf(err) == slipway.NotFound || err == nil && t.Stable == "" {
		return slipway.Revision{}, nil
	}
	if err != nil {
		return slipway.Revision{}, err
	}
	d, err := s.Store.Deployment(ctx, t.Stable.Deployment())
	if err != nil {
		return slipway.Revision{}, err
	}
	return s.Store.Revision(ctx, d.Revision)
}
