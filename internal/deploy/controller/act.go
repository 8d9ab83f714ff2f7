package controller

import (
	"context"
	"errors"
	"time"

	"github.com/slipway-cd/slipway"
)

// act carries out what was committed, in its order, and reports whether the
// driver has newly refused a group for good. Failures do not keep the rest from
// being done, with two exceptions: nobody is stopped while a group could not be
// made smaller, or it would heal; and who is no longer the owner does nothing.
func (c *Controller) act(ctx context.Context, t slipway.TargetID, m *mind, actions []slipway.Action) (refused bool, err error) {
	var failed []error
	for _, a := range actions {
		if !c.held(m) {
			return refused, slipway.Errorf(slipway.Stale, "the lease of %s ran out while acting", t)
		}
		if a.Kind == slipway.StopInstance && len(failed) > 0 {
			continue
		}
		err := c.do(ctx, t, a)
		if slipway.CodeOf(err) == slipway.Stale {
			m.leased = time.Time{}
			return refused, err
		}
		if a.Kind == slipway.ApplyGroup {
			refused = c.note(m, a.Group.ID, err) || refused
		}
		if err != nil {
			failed = append(failed, err)
		}
	}
	if refused { // the next plan has an answer to it: not a reason to pause
		return true, nil
	}
	return false, errors.Join(failed...)
}

func (c *Controller) do(ctx context.Context, t slipway.TargetID, a slipway.Action) error {
	switch a.Kind {
	case slipway.ApplyGroup:
		return c.Driver.Apply(ctx, *a.Group)
	case slipway.ApplyRoute:
		return c.Traffic.Apply(ctx, *a.Route)
	case slipway.StopInstance:
		return c.Driver.Stop(ctx, t, a.Instance, a.Fence)
	case slipway.ForgetInstance:
		return c.Driver.Forget(ctx, t, a.Instance, a.Fence)
	case slipway.RunTask:
		return c.runTask(ctx, *a.Task)
	case slipway.CancelTask:
		return c.cancelTask(ctx, a.Task.ID)
	}
	return slipway.Errorf(slipway.Internal, "no way to act: %q", a.Kind)
}

// note remembers what the driver said of a group, and reports whether that is a
// refusal for good that was not known before.
func (c *Controller) note(m *mind, g slipway.GroupID, err error) bool {
	if err == nil {
		delete(m.troubles, g)
		return false
	}
	trouble := slipway.Trouble{Permanent: slipway.CodeOf(err).Permanent(), Why: slipway.MessageOf(err)}
	news := trouble.Permanent && m.troubles[g] != trouble
	m.troubles[g] = trouble
	c.Log.Warn("the driver refused a group", "group", string(g), "permanent", trouble.Permanent, "error", err)
	return news
}
