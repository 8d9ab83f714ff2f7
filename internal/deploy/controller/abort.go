package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway"
)

// abortTries bounds how often an abort runs into somebody else's commit.
const abortTries = 20

// Abort asks a deployment to go back: one that is pending never starts, one
// that moves rolls back. Asking again is harmless. It returns NotFound, or
// Conflict when the deployment has ended.
//
// What the gates said of one that moves is written down with it.
//
// Whoever plans for the target does not have to be asked: the intent is
// committed in his name, and he finds his state out of date.
func (c *Controller) Abort(ctx context.Context, id slipway.DeploymentID, by slipway.Actor) error {
	return c.abort(ctx, id, by, fmt.Sprintf("%s asked to abort deployment %d", by.Person(), id), "")
}

// abort aborts a deployment and says why. It remembers the idempotency key of
// who asked, if that is not "".
func (c *Controller) abort(ctx context.Context, id slipway.DeploymentID, by slipway.Actor, why, key string) error {
	return c.insist(func() error {
		d, err := c.Store.Deployment(ctx, id)
		if err != nil {
			return err
		}
		if d.Phase.Ended() {
			return slipway.Errorf(slipway.Conflict, "deployment %d has ended: it is %s", id, words(d.Phase))
		}
		if d.Asked == slipway.AskedAbort || d.Phase == slipway.RollingBack {
			return c.rememberKey(ctx, d, key)
		}
		if err := c.ask(ctx, d, by, why, key); err != nil {
			return err
		}
		c.notice(d.Target)
		return nil
	})
}

// insist asks again while somebody else commits in between.
func (c *Controller) insist(ask func() error) error {
	for try := 1; ; try++ {
		err := ask()
		if slipway.CodeOf(err) != slipway.Stale || try >= abortTries {
			return err
		}
	}
}

func (c *Controller) ask(ctx context.Context, d slipway.Deployment, by slipway.Actor, text, key string) error {
	s, err := c.Store.LoadState(ctx, d.Target)
	if err != nil {
		return err
	}
	now := c.now()
	if s.Deployment != nil && s.Deployment.ID == d.ID {
		d = *s.Deployment
	} else { // it waits behind another, and nobody plans for it yet
		d.Phase, d.FinishedAt = slipway.Cancelled, now
	}
	if d.Phase == slipway.Progressing {
		text = strings.Join(append([]string{text}, verdicts(d)...), "; ")
	}
	d.Asked = slipway.AskedAbort
	d.Why = append(slices.Clip(d.Why), slipway.Why{At: now, Text: text})
	d.Rollbacks = withKey(d.Rollbacks, key)
	s.Deployment = &d
	_, err = c.Store.CommitState(ctx, s.Target.Owner, s.Target.Fence, s, slipway.Event{
		At: now, Kind: slipway.DeploymentChanged, Actor: by, Target: d.Target, Deployment: d.ID, Build: d.Build, Text: text,
	})
	return err
}
