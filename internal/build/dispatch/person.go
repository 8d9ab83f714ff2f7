package dispatch

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/build/pipeline"
)

// CancelGrace is how long a job may take to end once its agent was told to stop
// it. After that it has ended without its agent's word.
const CancelGrace = 30 * time.Second

// Reaches lists the environments to which jobs behind block may deploy: who
// unblocks it must be allowed to change all of them.
func (d *Dispatch) Reaches(b *slipway.Build, block slipway.JobID) []slipway.EnvironmentName {
	return pipeline.Reaches(b, block)
}

// Unblock lets build id past a block; job "" is the block it waits at. It
// returns NotFound for an unknown build or job, Forbidden when p may not, and
// Conflict when the build does not wait there.
func (d *Dispatch) Unblock(ctx context.Context, id slipway.BuildID, job slipway.JobID, p slipway.Principal) (slipway.Build, error) {
	return d.update(ctx, id, p.Actor, func(c *change) error {
		j, err := blockOf(c.Build, job)
		if err != nil {
			return err
		}
		if err := mayUnblock(c.Build, j, p); err != nil {
			return err
		}
		j.State, j.Unblocked, j.FinishedAt = slipway.JobPassed, &slipway.Unblock{By: p.Actor, At: c.now}, c.now
		c.tell(slipway.JobUnblocked, j, "%s unblocked %s", p.Actor.Name, c.Slug())
		return nil
	})
}

// blockOf finds the block to pass, which must be waiting for a person.
func blockOf(b *slipway.Build, id slipway.JobID) (*slipway.Job, error) {
	var j *slipway.Job
	if id != "" {
		if j = b.Job(id); j == nil || j.Step.Kind != slipway.StepBlock {
			return nil, slipway.Errorf(slipway.NotFound, "build %s has no such block", b.Slug())
		}
	} else if i := slices.IndexFunc(b.Jobs, func(j slipway.Job) bool { return j.State == slipway.JobBlocked }); i >= 0 {
		j = &b.Jobs[i]
	}
	switch {
	case j == nil:
		return nil, slipway.Errorf(slipway.Conflict, "build %s is not blocked: it %s", b.Slug(), is(b.State))
	case j.Unblocked != nil:
		return nil, slipway.Errorf(slipway.Conflict, "%s has unblocked build %s already", j.Unblocked.By.Name, b.Slug())
	case j.State != slipway.JobBlocked:
		return nil, slipway.Errorf(slipway.Conflict, "build %s does not wait at %q: that one is %s", b.Slug(), j.Step.Title(), j.State)
	}
	return j, nil
}

func is(s slipway.BuildState) string {
	switch s {
	case slipway.BuildPassed, slipway.BuildFailed:
		return "has " + string(s)
	case slipway.BuildCanceled:
		return "was canceled"
	default:
		return "is " + string(s)
	}
}

func mayUnblock(b *slipway.Build, j *slipway.Job, p slipway.Principal) error {
	envs := pipeline.Reaches(b, j.ID)
	switch {
	case p.CanUnblock(envs):
		return nil
	case p.Job != nil:
		return slipway.Errorf(slipway.Forbidden, "a job never unblocks").Do("a person does: slipway unblock %s", b.Slug())
	case !p.CanPush():
		return slipway.Errorf(slipway.Forbidden, "%s may look but not unblock; that needs the role deployer", p.Actor.Name)
	}
	envs = slices.DeleteFunc(envs, p.CanDeploy)
	return slipway.Errorf(slipway.Forbidden, "%s may not change %s, where jobs behind this block may deploy", p.Actor.Name, listed(envs))
}

func listed(envs []slipway.EnvironmentName) string {
	var names []string
	for _, e := range envs {
		names = append(names, string(e))
	}
	return strings.Join(names, ", ")
}

// Cancel ends build id: what waits at once, what runs when its agent has
// stopped it. It returns NotFound, Forbidden, or Conflict when the build has
// ended.
func (d *Dispatch) Cancel(ctx context.Context, id slipway.BuildID, p slipway.Principal) (slipway.Build, error) {
	return d.update(ctx, id, p.Actor, func(c *change) error {
		switch {
		case !p.CanPush():
			return slipway.Errorf(slipway.Forbidden, "%s may not cancel builds; that needs the role deployer", p.Actor.Name)
		case c.State.Ended():
			return slipway.Errorf(slipway.Conflict, "build %s %s", c.Slug(), is(c.State))
		}
		c.cancel("canceled by " + p.Actor.Name)
		return nil
	})
}

// cancel ends what waits, and tells agents to stop what runs.
func (c *change) cancel(why string) {
	for i := range c.Jobs {
		j := &c.Jobs[i]
		switch {
		case j.State.Ended():
		case j.Last() != nil && isLive(j.Last()):
			c.stop(j, slipway.JobCanceled, why)
		default:
			c.end(j, slipway.JobCanceled, why)
		}
	}
}
