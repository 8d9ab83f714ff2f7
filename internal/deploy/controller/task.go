package controller

import (
	"context"
	"slices"

	"github.com/slipway-cd/slipway"
)

// Tasks runs the tests before traffic. A task is named by its ID: running it
// again starts nothing anew, and cancelling what has ended does nothing. Status
// is NotFound for what was never asked for.
type Tasks interface {
	RunTask(ctx context.Context, t slipway.Task) error
	CancelTask(ctx context.Context, t slipway.TaskID) error
	TaskStatus(ctx context.Context, t slipway.TaskID) (slipway.TaskStatus, error)
	OpenTasks(ctx context.Context) ([]slipway.Task, error)
}

// lookAtTasks finds how far the tests before traffic of a deployment are.
func (c *Controller) lookAtTasks(ctx context.Context, s *slipway.State) error {
	d := s.Deployment
	if c.Tasks == nil || !moving(d) || !slices.ContainsFunc(d.Stages, func(s slipway.Stage) bool { return s.Preview }) {
		return nil
	}
	id := slipway.TestsOf(d.ID)
	status, err := c.Tasks.TaskStatus(ctx, id)
	switch slipway.CodeOf(err) {
	case "":
		s.Tasks = map[slipway.TaskID]slipway.TaskStatus{id: status}
	case slipway.NotFound:
	default:
		return err
	}
	return nil
}

func (c *Controller) runTask(ctx context.Context, t slipway.Task) error {
	if c.Tasks == nil {
		return slipway.Errorf(slipway.Internal, "nobody runs %s", t.ID)
	}
	return c.Tasks.RunTask(ctx, t)
}

func (c *Controller) cancelTask(ctx context.Context, t slipway.TaskID) error {
	if c.Tasks == nil {
		return nil
	}
	return c.Tasks.CancelTask(ctx, t)
}

// cancelIdle cancels tasks that nobody waits for: whose deployment has ended
// before its plan could be carried out.
func (c *Controller) cancelIdle(ctx context.Context) error {
	if c.Tasks == nil {
		return nil
	}
	open, err := c.Tasks.OpenTasks(ctx)
	if err != nil {
		return err
	}
	for _, t := range open {
		d, err := c.Store.Deployment(ctx, t.Deployment)
		if err != nil && slipway.CodeOf(err) != slipway.NotFound {
			return err
		}
		if err == nil && !d.Phase.Ended() {
			continue
		}
		if err := c.Tasks.CancelTask(ctx, t.ID); err != nil {
			return err
		}
	}
	return nil
}
