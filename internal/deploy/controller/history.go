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
	all := make([]served, len(past))
	for i, d := range past {
		r, err := c.Store.Revision(ctx, d.Revision)
		if err != nil {
			return d, false, err
		}
		all[i] = served{d, r}
	}
	way := trail(all)
	if len(way) < 2 {
		return d, false, nil
	}
	return way[len(way)-2].Deployment, true, nil
}

// served is a deployment that succeeded, with what it made live.
type served struct {
	slipway.Deployment
	revision slipway.Revision
}

// same reports whether s and o are one and the same to people: the same release
// with the same settings.
func (s served) same(o served) bool {
	return s.Release == o.Release && s.revision.Config == o.revision.Config && slices.Equal(s.revision.Secrets, o.revision.Secrets)
}

// trail is the way that leads to what serves, without what was rolled back:
// after @1 @2 @3 and a rollback to @2 it is @1 @2, so that another rollback
// goes to @1, not to @3 again. The past is oldest first.
func trail(past []served) []served {
	var way []served
	for _, d := range past {
		i := len(way) - 1
		for i >= 0 && !way[i].same(d) {
			i--
		}
		if i < 0 && d.Kind != slipway.KindDeploy { // it went back, but for secrets that were retired since
			i = len(way) - 1
			for i >= 0 && (way[i].Release != d.Release || way[i].revision.Config != d.revision.Config) {
				i--
			}
		}
		if i >= 0 && (d.Kind != slipway.KindDeploy || i == len(way)-1) {
			way = way[:i]
		}
		way = append(way, d)
	}
	return way
}
