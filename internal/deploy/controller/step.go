package controller

import (
	"context"
	"maps"
	"time"

	"github.com/slipway-cd/slipway"
)

// Step is what came of looking at a target once.
type Step struct {
	Changed bool      // something was committed
	Again   bool      // look again at once
	Moving  bool      // a deployment is under way
	Busy    bool      // something is left to do, or to be seen done
	Held    bool      // another server plans for the target
	Wake    time.Time // look again at the latest; zero: when there is a hint
}

// Step looks at one target and does what is to be done, in the one order that
// survives a crash at any point. Only one Step of a target runs at a time.
//
// It returns Stale when somebody has committed meanwhile, Conflict when another
// server plans for the target.
func (c *Controller) Step(ctx context.Context, t slipway.TargetID) (Step, error) {
	m := c.mind(t)
	if err := c.hold(ctx, t, m); err != nil {
		return Step{Held: slipway.CodeOf(err) == slipway.Conflict}, err
	}
	s, err := c.look(ctx, t, m)
	if err != nil {
		return Step{}, err
	}
	d := c.plan(s)
	fence := s.Target.Fence
	if d.Changed {
		if fence, err = c.commit(ctx, s, d); err != nil {
			return Step{}, err
		}
		if c.Failpoint != nil && len(d.Actions) > 0 {
			c.Failpoint("controller.committed", t, d.Next.Deployment)
		}
	}
	refused, err := c.act(ctx, t, m, d.Actions)
	if err == nil {
		err = c.tell(ctx, m, fence, d)
	}
	if ended(s, d.Next) {
		c.nudge(t)
	}
	return Step{
		Changed: d.Changed,
		Again:   err == nil && (ended(s, d.Next) || refused),
		Moving:  moving(d.Next.Deployment),
		Busy:    len(d.Actions) > 0 || len(d.Next.Draining) > 0,
		Wake:    earlier(d.Wake, m.again),
	}, err
}

// hold keeps the lease. It is asked for again after a third of its time.
func (c *Controller) hold(ctx context.Context, t slipway.TargetID, m *mind) error {
	now := c.now()
	if now.Before(m.leased.Add(c.lease() / 3)) {
		return nil
	}
	_, err := c.Store.Acquire(ctx, t, c.Owner, c.lease())
	if err != nil {
		m.leased = time.Time{}
		return err
	}
	m.leased = now // from before it was asked for: never longer than it is
	return nil
}

// held reports whether the lease is ours for certain.
func (c *Controller) held(m *mind) bool { return c.now().Before(m.leased.Add(c.lease())) }

// look loads what is committed, then observes what is there.
func (c *Controller) look(ctx context.Context, t slipway.TargetID, m *mind) (slipway.State, error) {
	s, err := c.Store.LoadState(ctx, t)
	if err != nil {
		return s, err
	}
	if s.Target.Owner != c.Owner {
		m.leased = time.Time{}
		return s, slipway.Errorf(slipway.Stale, "%s is planned for by another server", t)
	}
	if s.Groups, err = c.groups(ctx, t); err != nil {
		return s, err
	}
	if s.Target.Kind == slipway.Web {
		if s.Routes, err = c.Traffic.Observe(ctx, t); err != nil {
			return s, err
		}
	}
	s.ObservedAt = s.Target.Fence
	maps.DeleteFunc(m.troubles, func(g slipway.GroupID, _ slipway.Trouble) bool { _, known := s.Specs[g]; return !known })
	s.Troubles = maps.Clone(m.troubles)
	if err := c.lookAtTasks(ctx, &s); err != nil {
		return s, err
	}
	var h hearing
	if d := s.Deployment; d != nil && d.Phase == slipway.Pending {
		if h, err = c.lookAhead(ctx, &s); err != nil {
			return s, err
		}
	}
	look, err := c.weigh(ctx, m, &s)
	if err != nil {
		return s, err
	}
	m.again = earlier(h.again, look)
	c.remember(m, s.Groups, h.awaits)
	return s, nil
}

// groups observes those of one target.
func (c *Controller) groups(ctx context.Context, t slipway.TargetID) ([]slipway.GroupStatus, error) {
	if o, ok := c.Driver.(Observer); ok {
		return o.Observe(ctx, t)
	}
	all, err := c.Driver.List(ctx)
	return of(all, t), err
}

// lookAhead finds what a pending deployment moves to, and asks its gates.
func (c *Controller) lookAhead(ctx context.Context, s *slipway.State) (hearing, error) {
	r, err := c.Store.Revision(ctx, s.Deployment.Revision)
	if err != nil {
		return hearing{}, err
	}
	s.Revision = &r
	h, err := c.judge(ctx, s.Deployment, r)
	s.Verdicts = h.verdicts
	return h, err
}

// commit stores the decision with the events that tell of it.
func (c *Controller) commit(ctx context.Context, s slipway.State, d slipway.Decision) (slipway.Fence, error) {
	fence, err := c.Store.CommitState(ctx, c.Owner, s.Target.Fence, d.Next, planned(s, d, c.now())...)
	if err != nil {
		return fence, err
	}
	if fence != s.Target.Fence.Next() { // the epoch changed: the actions carry another fence
		return fence, slipway.Errorf(slipway.Stale, "%s is at generation %s now", s.Target.ID, fence)
	}
	return fence, nil
}

// ended reports whether the deployment of a state has come to its end in next.
func ended(s, next slipway.State) bool {
	return s.Deployment != nil && !s.Deployment.Phase.Ended() && next.Deployment.Phase.Ended()
}

// moving reports whether d is under way.
func moving(d *slipway.Deployment) bool {
	return d != nil && d.Phase != slipway.Pending && !d.Phase.Ended()
}
