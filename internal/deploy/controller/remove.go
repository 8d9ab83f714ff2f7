package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway"
)

// Remove asks that nothing of a service runs any more in an environment: what
// moves goes back, what serves is drained and stopped, its ports are freed.
// Releases and history stay. Asking again is harmless. It returns NotFound, and
// Conflict when another service there needs it.
func (c *Controller) Remove(ctx context.Context, t slipway.TargetID, by slipway.Actor) error {
	users, err := c.users(ctx, t)
	if err != nil {
		return err
	}
	if len(users) > 0 {
		return slipway.Errorf(slipway.Conflict, "%s is needed in %s by %s", t.Service, t.Environment, strings.Join(users, ", ")).
			Do("Deploy releases that do not need it, or remove them first: slipway services rm %s %s", users[0], t.Environment)
	}
	return c.insist(func() error {
		s, err := c.Store.LoadState(ctx, t)
		if err != nil || s.Target.Removing {
			return err
		}
		if s.Target.Stable == "" && s.Deployment == nil && s.Target.Port == 0 {
			return nil
		}
		s.Target.Removing = true
		return c.instruct(ctx, s, by, fmt.Sprintf("%s asked to remove %s from %s", by.Person(), t.Service, t.Environment))
	})
}

// users lists the services whose live release, or the one on its way, needs t.
func (c *Controller) users(ctx context.Context, t slipway.TargetID) ([]string, error) {
	targets, err := c.Store.TargetIDs(ctx)
	if err != nil {
		return nil, err
	}
	var users []string
	for _, other := range targets {
		if other.Environment != t.Environment || other.Service == t.Service {
			continue
		}
		needs, err := c.needsNow(ctx, other, t.Service)
		if err != nil {
			return nil, err
		}
		if needs {
			users = append(users, string(other.Service))
		}
	}
	return users, nil
}

func (c *Controller) needsNow(ctx context.Context, t slipway.TargetID, service slipway.ServiceName) (bool, error) {
	open, err := c.Store.Deployments(ctx, slipway.DeploymentFilter{Target: t, Open: true}, maxHistory)
	if err != nil {
		return false, err
	}
	live, err := c.live(ctx, t)
	if err != nil {
		return false, err
	}
	for _, d := range append(open, live) {
		if d.Release == 0 {
			continue
		}
		r, err := c.Store.Release(ctx, t.Service, d.Release)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(r.Manifest.Needs, func(n slipway.Need) bool { return n.Service == service }) {
			return true, nil
		}
	}
	return false, nil
}
