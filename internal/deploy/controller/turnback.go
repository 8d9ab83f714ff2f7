package controller

import (
	"context"
	"slices"

	"github.com/slipway-cd/slipway"
)

// turnBack makes of a rollback, asked for while a deployment moves, the abort of
// that deployment, which goes straight back to what serves. One that goes back
// already is left alone. Asked again with the same key it is the same deployment,
// also when that has ended since: what it went back to is not left once more. It
// returns no deployment when that is not what was asked for.
func (c *Controller) turnBack(ctx context.Context, r Request) (slipway.Deployment, error) {
	if r.Kind != slipway.KindRollback {
		return slipway.Deployment{}, nil
	}
	t := slipway.TargetID{Service: r.Service, Environment: r.Environment}
	if d, err := c.turnedBack(ctx, t, r.Key); d.ID != 0 || err != nil {
		return d, err
	}
	for try := 1; ; try++ {
		d, err := c.movingNow(ctx, t)
		if err != nil || d.ID == 0 {
			return slipway.Deployment{}, err
		}
		switch {
		case d.Kind == slipway.KindRollback && (r.Release == 0 || r.Release == d.Release):
			err = c.rememberKey(ctx, d, r.Key)
		case r.Release != 0 && r.Release != d.From:
			return slipway.Deployment{}, nil
		default:
			err = c.abort(ctx, d.ID, r.Actor, r.Actor.Person()+" asked to roll back", r.Key)
		}
		if slipway.CodeOf(err) == slipway.Conflict && try < abortTries {
			continue // it has ended meanwhile, and did not learn who asked: what moves now, if anything, is meant
		}
		if err != nil {
			return slipway.Deployment{}, err
		}
		return c.Store.Deployment(ctx, d.ID)
	}
}

// maxKeys bounds how many rollbacks a deployment remembers, and among how many
// deployments a rollback that is asked for again is looked for.
const (
	maxKeys   = 20
	maxRecent = 50
)

// turnedBack is the deployment that a rollback with this key has made before, or
// to whose going back it came; zero when there is none.
func (c *Controller) turnedBack(ctx context.Context, t slipway.TargetID, key string) (slipway.Deployment, error) {
	if key == "" {
		return slipway.Deployment{}, nil
	}
	recent, err := c.Store.Deployments(ctx, slipway.DeploymentFilter{Target: t}, maxRecent)
	for _, d := range recent {
		if d.Key == key || slices.Contains(d.Rollbacks, key) {
			return d, err
		}
	}
	return slipway.Deployment{}, err
}

// rememberKey notes that a rollback with this key came to d, which goes back
// already. It is the caller's own again, whatever becomes of d. It returns Conflict
// when d has ended.
func (c *Controller) rememberKey(ctx context.Context, d slipway.Deployment, key string) error {
	if key == "" || key == d.Key {
		return nil
	}
	return c.insist(func() error {
		s, err := c.Store.LoadState(ctx, d.Target)
		switch {
		case err != nil:
			return err
		case s.Deployment == nil || s.Deployment.ID != d.ID:
			return slipway.Errorf(slipway.Conflict, "deployment %d has ended", d.ID)
		case slices.Contains(s.Deployment.Rollbacks, key):
			return nil
		}
		next := *s.Deployment
		next.Rollbacks = withKey(next.Rollbacks, key)
		s.Deployment = &next
		_, err = c.Store.CommitState(ctx, s.Target.Owner, s.Target.Fence, s)
		if err == nil {
			c.notice(d.Target)
		}
		return err
	})
}

// withKey adds a key to those that are remembered, and lets the oldest go.
func withKey(keys []string, key string) []string {
	if key == "" || slices.Contains(keys, key) {
		return keys
	}
	keys = append(slices.Clip(keys), key)
	return keys[max(0, len(keys)-maxKeys):]
}

// movingNow is the deployment that moves a target; zero when none does.
func (c *Controller) movingNow(ctx context.Context, t slipway.TargetID) (slipway.Deployment, error) {
	open, err := c.Store.Deployments(ctx, slipway.DeploymentFilter{Target: t, Open: true}, maxHistory)
	for _, d := range open {
		if moving(&d) {
			return d, err
		}
	}
	return slipway.Deployment{}, err
}
