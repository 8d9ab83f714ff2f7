package controller

import (
	"context"

	"github.com/slipway-cd/slipway"
)

// Foresight is what a deployment would do, if it began now.
type Foresight struct {
	Deployment slipway.Deployment // as it would start: its stages, and what its gates say now
	Revision   slipway.Revision
	Limits     []string // what the driver cannot promise
}

// Limited is a driver that says what it cannot promise.
type Limited interface{ Limits() []string }

// Foresee is what Deploy would begin, decided by the same plan: nothing moves.
// It returns the errors of Deploy.
func (c *Controller) Foresee(ctx context.Context, r Request) (Foresight, error) {
	env, err := c.environment(ctx, r.Environment)
	if err != nil {
		return Foresight{}, err
	}
	if r.Kind == "" {
		r.Kind = slipway.KindDeploy
	}
	goal, err := c.aim(ctx, r, env)
	if err == nil {
		err = c.checkImage(ctx, goal)
	}
	if err != nil {
		return Foresight{}, err
	}
	id := goal.revision.Target
	s, err := c.Store.LoadState(ctx, id)
	if slipway.CodeOf(err) == slipway.NotFound {
		s, err = slipway.State{Target: slipway.Target{ID: id, Kind: goal.revision.Kind}}, nil
	}
	if err != nil {
		return Foresight{}, err
	}
	d, err := c.propose(ctx, r, goal, s.Target)
	if err != nil {
		return Foresight{}, err
	}
	h, err := c.judge(ctx, &d, goal.revision)
	if err != nil {
		return Foresight{}, err
	}
	f := Foresight{Deployment: d, Revision: goal.revision}
	if l, ok := c.Driver.(Limited); ok {
		f.Limits = l.Limits()
	}
	for _, gate := range d.Gates {
		f.Deployment.Verdicts = append(f.Deployment.Verdicts, slipway.GateVerdict{Gate: gate, Verdict: h.verdicts[gate]})
	}
	return f, c.rehearse(ctx, s, &f)
}

// rehearse has the plan begin the deployment, as if its gates had passed and
// nothing else moved.
func (c *Controller) rehearse(ctx context.Context, s slipway.State, f *Foresight) error {
	groups, err := c.Driver.List(ctx)
	if err != nil {
		return err
	}
	d := f.Deployment
	d.Gates, d.Verdicts, d.Candidate = nil, nil, "g0"
	s.Deployment, s.Revision, s.Groups, s.ObservedAt = &d, &f.Revision, of(groups, s.Target.ID), s.Target.Fence
	s.Target.Asked, s.Target.Removing = 0, false
	next := c.plan(s).Next.Deployment
	f.Deployment.Stages, f.Deployment.Floor, f.Deployment.Why = next.Stages, next.Floor, next.Why
	return nil
}
