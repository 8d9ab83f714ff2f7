package controller

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway"
)

// Promote lets a stage of a deployment pass without the rest of its hold and
// whatever its gates say: stage, from 1, or the one that it is in when that is 0.
// Asking again, or for a stage that it has passed, is harmless. It returns NotFound,
// or Conflict when there is nothing to pass: the deployment does not move, it is
// not that far, or its stage is neither held nor judged.
func (c *Controller) Promote(ctx context.Context, id slipway.DeploymentID, stage int, by slipway.Actor, why string) error {
	return c.insist(func() error {
		d, err := c.Store.Deployment(ctx, id)
		if err != nil {
			return err
		}
		s, err := c.Store.LoadState(ctx, d.Target)
		if err != nil {
			return err
		}
		if s.Deployment == nil || s.Deployment.ID != id || s.Deployment.Phase != slipway.Progressing {
			return slipway.Errorf(slipway.Conflict, "deployment %d does not move: it is %s", id, words(d.Phase))
		}
		d = *s.Deployment
		switch at := d.Stages[d.At]; {
		case stage > d.At+1:
			return slipway.Errorf(slipway.Conflict, "deployment %d is in stage %d of %d, not in stage %d", id, d.At+1, len(d.Stages), stage)
		case stage != 0 && stage < d.At+1 || d.Promoted > d.At:
			return nil
		case at.Hold == 0 && len(at.Gates) == 0:
			return slipway.Errorf(slipway.Conflict, "stage %d of deployment %d is neither held nor judged; it goes on by itself", d.At+1, id)
		case d.Asked == slipway.AskedAbort:
			return slipway.Errorf(slipway.Conflict, "deployment %d was asked to go back", id)
		}
		return c.promote(ctx, s, d, by, why)
	})
}

// verdicts are what the gates of a deployment said when a person decided.
func verdicts(d slipway.Deployment) (all []string) {
	for _, v := range d.Verdicts {
		all = append(all, fmt.Sprintf("%s: %s", v.Gate, cmp.Or(slipway.Brief(v.Why), string(v.State))))
	}
	return all
}

// promote commits the intent, with who has it and on what evidence.
func (c *Controller) promote(ctx context.Context, s slipway.State, d slipway.Deployment, by slipway.Actor, why string) error {
	now := c.now()
	words := []string{fmt.Sprintf("%s promotes @%d past stage %d of %d", by.Person(), d.Release, d.At+1, len(d.Stages))}
	if why != "" {
		words[0] += ": " + why
	}
	text := strings.Join(append(words, verdicts(d)...), "; ")
	d.Promoted = d.At + 1
	d.Why = append(slices.Clip(d.Why), slipway.Why{At: now, Text: text})
	s.Deployment = &d
	_, err := c.Store.CommitState(ctx, s.Target.Owner, s.Target.Fence, s, slipway.Event{
		At: now, Kind: slipway.DeploymentPromoted, Actor: by, Target: d.Target, Deployment: d.ID, Build: d.Build, Text: text,
	})
	if err == nil {
		c.notice(d.Target)
	}
	return err
}
