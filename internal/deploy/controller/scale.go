package controller

import (
	"context"
	"fmt"

	"github.com/slipway-cd/slipway"
)

// Scale asks for n instances of a service in an environment, now and of every
// later deployment; 0 gives back the number that the manifest has. A deployment
// that moves goes on to the new number from where it is. It returns Invalid for
// a number that cannot be, NotFound, and Conflict when nothing of the service
// runs.
func (c *Controller) Scale(ctx context.Context, t slipway.TargetID, n int, by slipway.Actor) error {
	if n < 0 || n > slipway.MaxReplicas {
		return slipway.Errorf(slipway.Invalid, "a service has from 1 to %d instances, not %d", slipway.MaxReplicas, n)
	}
	return c.insist(func() error {
		s, err := c.Store.LoadState(ctx, t)
		if err != nil {
			return err
		}
		if s.Target.Stable == "" && s.Deployment == nil || s.Target.Removing {
			return slipway.Errorf(slipway.Conflict, "nothing of %s serves in %s", t.Service, t.Environment).
				Do("Deploy it first: slipway deploy %s %s", t.Environment, t.Service)
		}
		want, text := n, fmt.Sprintf("%s asked for %s of %s in %s", by.Person(), instances(n), t.Service, t.Environment)
		if n == 0 {
			if want, err = c.written(ctx, s); err != nil {
				return err
			}
			text = fmt.Sprintf("%s asked for as many instances of %s in %s as its manifest says: %d", by.Person(), t.Service, t.Environment, want)
		}
		if s.Target.Scale == n && s.Target.Asked == 0 && s.Target.Want == want && s.Deployment == nil {
			return nil
		}
		s.Target.Scale, s.Target.Asked = n, want
		return c.instruct(ctx, s, by, text)
	})
}

// instruct commits what a person asked of a target, in the name of whoever
// plans for it: he finds his state out of date.
func (c *Controller) instruct(ctx context.Context, s slipway.State, by slipway.Actor, text string) error {
	_, err := c.Store.CommitState(ctx, s.Target.Owner, s.Target.Fence, s, slipway.Event{
		At: c.now(), Kind: slipway.TargetChanged, Actor: by, Target: s.Target.ID, Text: text,
	})
	if err == nil {
		c.notice(s.Target.ID)
	}
	return err
}

// written is how many instances the manifest has: of the release that is on its
// way, else of the one that serves.
func (c *Controller) written(ctx context.Context, s slipway.State) (int, error) {
	d := s.Deployment
	if d == nil {
		live, err := c.live(ctx, s.Target.ID)
		if err != nil {
			return 0, err
		}
		d = &live
	}
	rel, err := c.Store.Release(ctx, s.Target.ID.Service, d.Release)
	if err != nil {
		return 0, err
	}
	env, err := c.environment(ctx, s.Target.ID.Environment)
	if err != nil {
		return 0, err
	}
	g, err := c.revise(ctx, rel, env)
	return g.want, err
}

func instances(n int) string {
	if n == 1 {
		return "1 instance"
	}
	return fmt.Sprintf("%d instances", n)
}
