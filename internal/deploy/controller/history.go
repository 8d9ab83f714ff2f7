package controller

import (
	"context"
	"slices"

	"github.com/slipway-cd/slipway"
)

// maxHistory bounds how far back a rollback can see.
const maxHistory = 500

// live is the deployment that made what serves; zero when nothing does.
func (c *Controller) live(ctx context.Context, t slipway.TargetID) (slipway.Deployment, error) {
	target, err := c.Store.Target(ctx, t)
	if slipway.CodeOf(err) == slipway.NotFound || err == nil && target.Stable == "" {
		return slipway.Deployment{}, nil
	}
	if err != nil {
		return slipway.Deployment{}, err
	}
	return c.Store.Deployment(ctx, target.Stable.Deployment())
}

// history lists the deployments of a target that succeeded, newest first.
func (c *Controller) history(ctx context.Context, t slipway.TargetID) ([]slipway.Deployment, error) {
	all, err := c.Store.Deployments(ctx, slipway.DeploymentFilter{Target: t}, maxHistory)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(d slipway.Deployment) bool { return d.Phase != slipway.Succeeded }), nil
}

// before is the deployment that made what served before live.
func (c *Controller) before(ctx context.Context, live slipway.Deployment) (d slipway.Deployment, ok bool, err error) {
	past, err := c.history(ctx, live.Target)
	if err != nil {
		return d, false, err
	}
	slices.Reverse(past)
	way := trail(past)
	if len(way) < 2 {
		return d, false, nil
	}
	return way[len(way)-2], true, nil
}

// trail is the way that leads to what serves, without what was rolled back:
// after @1 @2 @3 and a rollback to @2 it is @1 @2, so that another rollback
// goes to @1, not to @3 again. The past is oldest first.
func trail(past []slipway.Deployment) []slipway.Deployment {
	var way []slipway.Deployment
	for _, d := range past {
		i := len(way) - 1
		for i >= 0 && way[i].Release != d.Release {
			i--
		}
		if i >= 0 && (d.Kind != slipway.KindDeploy || i == len(way)-1) {
			way = way[:i]
		}
		way = append(way, d)
	}
	return way
}
