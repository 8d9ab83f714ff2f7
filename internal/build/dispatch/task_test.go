package dispatch_test

import (
	"slices"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
)

var onTest = slipway.TargetID{Service: "backend", Environment: "test"}

// task makes a release of the build's commit and a deployment of it, and says
// what that wants to be run.
func (w *world) task(b slipway.Build) slipway.Task {
	w.t.Helper()
	ctx := w.t.Context()
	r, _, err := w.store.CreateRelease(ctx, slipway.Release{
		Service: "backend", Repository: "backend", Commit: b.Commit.Commit, Build: b.ID, Image: "sha256:1",
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.store.EnsureTarget(ctx, slipway.Target{ID: onTest, Kind: slipway.Worker}, nil); err != nil {
		w.t.Fatal(err)
	}
	d, _, err := w.store.CreateDeployment(ctx, slipway.Deployment{Target: onTest, Release: r.Number, Actor: mei.Actor, Phase: slipway.Pending}, slipway.Revision{ID: "r-1"}, 1)
	if err != nil {
		w.t.Fatal(err)
	}
	return slipway.Task{
		ID: "deployment-1.preview", Target: onTest, Deployment: d.ID, Release: r.Number, Label: "Tests before traffic",
		Command: "ci/bin/integration-test", Queue: "test", Timeout: 90 * time.Second,
		Env: map[string]string{"SLIPWAY_PREVIEW_URL": "http://127.0.0.1:7101"},
	}
}

const oneStep = "steps:\n  - command: make\n    agents: { queue: test }\n"

func (w *world) status(id slipway.TaskID) slipway.TaskStatus {
	w.t.Helper()
	s, err := w.TaskStatus(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) runTask(t slipway.Task) {
	w.t.Helper()
	if err := w.RunTask(w.t.Context(), t); err != nil {
		w.t.Fatal(err)
	}
}

func TestTaskRunsOnceAndMayDeployNowhere(t *testing.T) {
	w := newWorld(t, oneStep)
	agent := w.agent("test")
	pushed := w.push("refs/heads/master")
	w.finish(w.run(agent), 0)
	task := w.task(pushed)

	w.runTask(task)
	w.runTask(task)
	w = w.another()
	w.runTask(task)
	if s := w.status(task.ID); s.State != slipway.TaskWaiting {
		t.Errorf("it is %s before an agent took it", s.State)
	}
	w.read()
	a := w.take(agent)
	step := a.Job.Step
	if a.Build.Commit.Commit != pushed.Commit.Commit || a.Build.Push.Ref != "refs/heads/master" || a.Build.Number != 2 || step.Command != task.Command {
		t.Errorf("an agent gets %+v", a.Build)
	}
	for name, want := range map[string]string{
		"SLIPWAY_PREVIEW_URL": "http://127.0.0.1:7101", "SLIPWAY_DEPLOYMENT": "1", "SLIPWAY_SERVICE": "backend", "SLIPWAY_ENVIRONMENT": "test", "SLIPWAY_RELEASE": "1",
	} {
		if step.Env[name] != want {
			t.Errorf("%s=%q, want %q", name, step.Env[name], want)
		}
	}
	if want := []slipway.RepositoryName{"backend", "build-scripts"}; !slices.Equal(a.Build.Repositories, want) {
		t.Errorf("it may fetch %v, want %v", a.Build.Repositories, want)
	}
	p := w.principal(a)
	if len(p.Environments) != 0 || p.CanDeploy("test") {
		t.Errorf("its token may deploy to %v", p.Environments)
	}
	if err := w.Start(t.Context(), grant(a)); err != nil {
		t.Fatal(err)
	}
	if s := w.status(task.ID); s.State != slipway.TaskRunning || s.Job != a.Job.ID {
		t.Errorf("it is %+v while it runs", s)
	}
	w.finish(grant(a), 3)
	if s := w.status(task.ID); s.State != slipway.TaskFailed || s.Why != "exit 3" {
		t.Errorf("it is %+v after exit 3", s)
	}
	w.runTask(task) // after its end as well
	if s := w.status(task.ID); s.State != slipway.TaskFailed {
		t.Errorf("asking again made it %s", s.State)
	}
	if builds, err := w.store.Builds(t.Context(), "backend", 10); err != nil || len(builds) != 1 {
		t.Errorf("%d builds of pushes, %v", len(builds), err)
	}
	events, err := w.store.Events(t.Context(), 0, slipway.EventFilter{Deployment: 1}, 100)
	if err != nil || len(events) < 3 {
		t.Errorf("the deployment hears of %d events, %v", len(events), err)
	}
}

func TestTaskOfALostAgentRunsAgain(t *testing.T) {
	w := newWorld(t, oneStep)
	agent := w.agent("test")
	b := w.push("refs/heads/master")
	w.finish(w.run(agent), 0)
	task := w.task(b)
	w.runTask(task)
	w.run(agent)
	if err := w.Disconnect(t.Context(), agent); err != nil {
		t.Fatal(err)
	}
	if s := w.status(task.ID); s.State != slipway.TaskWaiting {
		t.Errorf("it is %+v after its agent left", s)
	}
	g := w.run(w.agent("test"))
	if g.Attempt != 2 {
		t.Errorf("attempt %d", g.Attempt)
	}
	w.finish(g, 0)
	if s := w.status(task.ID); s.State != slipway.TaskPassed {
		t.Errorf("it is %+v", s)
	}
}

func TestTaskIsCancelled(t *testing.T) {
	w := newWorld(t, oneStep)
	b := w.push("refs/heads/master")
	task := w.task(b)
	if err := w.CancelTask(t.Context(), task.ID); err != nil {
		t.Errorf("cancelling what was never asked for: %v", err)
	}
	w.runTask(task)
	if open, err := w.OpenTasks(t.Context()); err != nil || len(open) != 1 || open[0].Deployment != 1 {
		t.Errorf("open: %+v, %v", open, err)
	}
	for range 2 {
		if err := w.CancelTask(t.Context(), task.ID); err != nil {
			t.Fatal(err)
		}
	}
	if s := w.status(task.ID); s.State != slipway.TaskCancelled || s.Why != "deployment 1 does not wait for it any more" {
		t.Errorf("it is %+v", s)
	}
	if open, err := w.OpenTasks(t.Context()); err != nil || len(open) != 0 {
		t.Errorf("open: %+v, %v", open, err)
	}
}

func TestTaskThatCannotRunSaysWhy(t *testing.T) {
	w := newWorld(t, oneStep)
	task := w.task(w.push("refs/heads/master"))
	w.source["missing"] = "commit"
	w.runTask(task)
	if s := w.status(task.ID); s.State != slipway.TaskFailed || s.Why != "the commit is gone" {
		t.Errorf("it is %+v", s)
	}
}
