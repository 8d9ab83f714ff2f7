package dispatch

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/build/pipeline"
)

// TaskStore keeps the builds of tasks, and knows the releases that they are of.
type TaskStore interface {
	CreateTask(context.Context, slipway.Build, ...slipway.Event) (stored slipway.Build, created bool, err error)
	BuildOfTask(context.Context, slipway.TaskID) (slipway.Build, error)
	TaskBuilds(ctx context.Context, limit int) ([]slipway.Build, error)
	Release(ctx context.Context, s slipway.ServiceName, number int) (slipway.Release, error)
	Deployment(context.Context, slipway.DeploymentID) (slipway.Deployment, error)
}

// RunTask has a task run as a build of one job, which may deploy nowhere. Asking
// again for a task that was ever asked for does nothing. What makes it
// impossible to run is told as its failure: its status says why.
//
// Its errors are those of the store and of the source.
func (d *Dispatch) RunTask(ctx context.Context, t slipway.Task) error {
	_, err := d.Store.BuildOfTask(ctx, t.ID)
	if slipway.CodeOf(err) != slipway.NotFound {
		return err
	}
	b, err := d.prepareTask(ctx, t)
	if err != nil {
		return err
	}
	ctx, cancel := lasting(ctx)
	defer cancel()
	defer d.lock(string(t.ID))()
	stored, _, err := d.Store.CreateTask(ctx, b, slipway.Event{
		At: d.now(), Kind: slipway.BuildCreated, Actor: slipway.System, Repository: b.Push.Repository,
		Target: t.Target, Deployment: t.Deployment, Text: fmt.Sprintf("%s of deployment %d: %s", t.Label, t.Deployment, t.Command),
	})
	if err == nil {
		d.board.put(&stored)
	}
	return err
}

// prepareTask makes the build of a task. It is of the release's commit, as if
// whoever asked for the deployment had pushed it where it was built.
func (d *Dispatch) prepareTask(ctx context.Context, t slipway.Task) (b slipway.Build, err error) {
	r, err := d.Store.Release(ctx, t.Target.Service, t.Release)
	if err != nil {
		return b, err
	}
	dep, err := d.Store.Deployment(ctx, t.Deployment)
	if err != nil {
		return b, err
	}
	ref, err := d.refOf(ctx, r)
	if err != nil {
		return b, err
	}
	now := d.now()
	b = slipway.Build{
		ID: slipway.BuildID(newID()), Task: &t, State: slipway.BuildRunning, CreatedAt: now,
		Push:         slipway.Push{Repository: r.Repository, Ref: ref, New: r.Commit, Actor: dep.Actor},
		Commit:       slipway.CommitInfo{Commit: r.Commit, Message: r.Subject},
		Repositories: []slipway.RepositoryName{r.Repository},
		Jobs: []slipway.Job{{ID: slipway.JobID(newID()), State: slipway.JobWaiting, Step: slipway.Step{
			Kind: slipway.StepCommand, Key: "task", Label: t.Label, Command: t.Command, Timeout: t.Timeout,
			Agents: map[string]string{"queue": string(t.Queue)}, Env: taskEnv(t),
		}}},
	}
	err = d.source(ctx, &b)
	switch code := slipway.CodeOf(err); {
	case err == nil:
		pipeline.Next(&b, now)
	case code.Permanent():
		why := slipway.MessageOf(err)
		b.Jobs[0].State, b.Jobs[0].Why, b.Jobs[0].FinishedAt = slipway.JobFailed, why, now
		b.State, b.Why, b.FinishedAt = slipway.BuildFailed, why, now
	default:
		return b, err
	}
	return b, nil
}

// source fills in what the repository says of the commit.
func (d *Dispatch) source(ctx context.Context, b *slipway.Build) error {
	info, err := d.Source.CommitInfo(ctx, b.Push.Repository, b.Commit.Commit)
	if err != nil {
		return err
	}
	b.Commit = info
	modules, err := d.Source.Submodules(ctx, b.Push.Repository, info.Commit)
	for _, m := range modules {
		if !slices.Contains(b.Repositories, m) {
			b.Repositories = append(b.Repositories, m)
		}
	}
	return err
}

// refOf is the ref by which a release's commit came: of the build that
// published it, else the default branch.
func (d *Dispatch) refOf(ctx context.Context, r slipway.Release) (string, error) {
	if r.Build != "" {
		b, err := d.Store.Build(ctx, r.Build)
		if err == nil || slipway.CodeOf(err) != slipway.NotFound {
			return b.Push.Ref, err
		}
	}
	repository, err := d.Store.Repository(ctx, r.Repository)
	return "refs/heads/" + cmp.Or(repository.DefaultBranch, "master"), err
}

// taskEnv tells a task what it is for.
func taskEnv(t slipway.Task) map[string]string {
	env := map[string]string{
		"SLIPWAY_SERVICE":     string(t.Target.Service),
		"SLIPWAY_ENVIRONMENT": string(t.Target.Environment),
		"SLIPWAY_RELEASE":     strconv.Itoa(t.Release),
		"SLIPWAY_DEPLOYMENT":  t.Deployment.String(),
	}
	maps.Copy(env, t.Env)
	return env
}

// CancelTask ends a task: what waits at once, what runs when its agent has
// stopped it. One that has ended, or was never asked for, is left as it is.
func (d *Dispatch) CancelTask(ctx context.Context, id slipway.TaskID) error {
	b, err := d.Store.BuildOfTask(ctx, id)
	if slipway.CodeOf(err) == slipway.NotFound {
		return nil
	}
	if err != nil || b.State.Ended() {
		return err
	}
	_, err = d.update(ctx, b.ID, slipway.System, func(c *change) error {
		c.cancel(fmt.Sprintf("deployment %d does not wait for it any more", c.Task.Deployment))
		return nil
	})
	return err
}

// TaskStatus tells how far a task is. It returns NotFound for one that was never
// asked for.
func (d *Dispatch) TaskStatus(ctx context.Context, id slipway.TaskID) (slipway.TaskStatus, error) {
	b, err := d.Store.BuildOfTask(ctx, id)
	if err != nil {
		return slipway.TaskStatus{}, err
	}
	j := &b.Jobs[0]
	return slipway.TaskStatus{State: taskState(j.State), Why: j.Why, Job: j.ID}, nil
}

func taskState(s slipway.JobState) slipway.TaskState {
	switch s {
	case slipway.JobPassed:
		return slipway.TaskPassed
	case slipway.JobRunning:
		return slipway.TaskRunning
	case slipway.JobCanceled:
		return slipway.TaskCancelled
	case slipway.JobFailed, slipway.JobTimedOut, slipway.JobSkipped, slipway.JobBroken:
		return slipway.TaskFailed
	case slipway.JobWaiting, slipway.JobReady, slipway.JobAssigned, slipway.JobBlocked:
	}
	return slipway.TaskWaiting
}

// OpenTasks lists the tasks that have not ended.
func (d *Dispatch) OpenTasks(ctx context.Context) ([]slipway.Task, error) {
	builds, err := d.Store.OpenBuilds(ctx)
	var open []slipway.Task
	for _, b := range builds {
		if b.Task != nil {
			open = append(open, *b.Task)
		}
	}
	return open, err
}
