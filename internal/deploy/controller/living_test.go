package controller_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/controller"
	"github.com/slipway-cd/slipway/internal/state/wake"
)

// canary is a manifest whose one weight is held for as long as a test needs.
func canary(hold time.Duration) slipway.Manifest {
	m := manifest("web", slipway.Web)
	place := m.Environments["test"]
	place.Rollout = slipway.Rollout{Strategy: slipway.Canary, Weights: []slipway.BasisPoints{1000}, Hold: hold}
	m.Environments["test"] = place
	return m
}

// heldCanary is a world in which @1 serves and a canary of @2 waits at 10 %.
func heldCanary(t *testing.T) (*world, *controller.Controller, slipway.Deployment) {
	w := newWorld(t)
	c := w.controller("a")
	w.run(c)
	w.publish(canary(time.Hour))
	w.wait(w.deploy(c, controller.Request{Service: "web"}).ID, slipway.Succeeded)
	w.publish(canary(time.Hour))
	d := w.deploy(c, controller.Request{Service: "web"})
	w.until("a canary at 10 %", func() bool { return !w.deployment(d.ID).Held.IsZero() && w.deployment(d.ID).Weight == 1000 })
	return w, c, d
}

func (w *world) deployment(id slipway.DeploymentID) slipway.Deployment {
	w.t.Helper()
	d, err := w.store.Deployment(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (w *world) until(what string, is func() bool) {
	w.t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("never: %s", what)
		}
	}
}

func TestHotfixReplacesACanary(t *testing.T) {
	w, c, moving := heldCanary(t)
	if target, err := w.store.Target(t.Context(), web); err != nil || target.Preview == 0 || target.Preview == target.Port {
		t.Errorf("ports %d and %d, %v: want one for previews", target.Port, target.Preview, err)
	}
	hotfix := manifest("web", slipway.Web)
	w.publish(hotfix)
	ask := controller.Request{Service: "web", Replace: true, Key: "once"}
	d := w.deploy(c, ask)
	if again := w.deploy(c, ask); again.ID != d.ID {
		t.Errorf("asked twice: deployments %d and %d", d.ID, again.ID)
	}
	gone := w.wait(moving.ID, slipway.RolledBack)
	if !strings.Contains(story(gone), "replaced by deployment 3") {
		t.Errorf("the canary does not say why it went: %s", story(gone))
	}
	if done := w.wait(d.ID, slipway.Succeeded); done.From != 1 || done.Release != 3 {
		t.Errorf("the hotfix moved @%d to @%d", done.From, done.Release)
	}
}

// mortal is the store of a server that dies once it has kept a deployment.
type mortal struct{ controller.Store }

func (m mortal) CreateDeployment(ctx context.Context, d slipway.Deployment, r slipway.Revision, want int, events ...slipway.Event) (slipway.Deployment, bool, error) {
	if _, _, err := m.Store.CreateDeployment(ctx, d, r, want, events...); err != nil {
		return slipway.Deployment{}, false, err
	}
	return slipway.Deployment{}, false, slipway.Errorf(slipway.Unavailable, "the server died")
}

// Whoever was asked to replace what moves may die, with every hint that he would
// have given: what moves knows of it all the same, and does not wait until
// somebody looks at everything.
func TestAHotfixReplacesACanaryAcrossACrash(t *testing.T) {
	w, _, moving := heldCanary(t)
	w.publish(manifest("web", slipway.Web))
	dying := w.controller("dying")
	dying.Store, dying.Waker = mortal{w.store}, wake.New()
	ask := controller.Request{Service: "web", Environment: "test", Replace: true, Key: "once", Actor: mei}
	if _, err := dying.Deploy(t.Context(), ask); slipway.CodeOf(err) != slipway.Unavailable {
		t.Fatalf("it did not die: %v", err)
	}
	if d := w.deployment(moving.ID); !strings.Contains(story(d), "replaced by deployment 3") {
		t.Fatalf("it could be forgotten: %+v", d)
	}
	if gone := w.wait(moving.ID, slipway.RolledBack); strings.Count(story(gone), "replaced by deployment 3") != 1 {
		t.Errorf("the canary does not say why it went: %s", story(gone))
	}
	if done := w.wait(3, slipway.Succeeded); done.From != 1 || done.Release != 3 {
		t.Errorf("the hotfix moved @%d to @%d", done.From, done.Release)
	}
}

// Who asks may be gone before there is an answer: what was kept is begun at once.
func TestADeploymentWhoseAnswerIsLostIsBegun(t *testing.T) {
	w := newWorld(t)
	c := w.controller("a")
	c.Store = mortal{w.store}
	w.run(c)
	w.publish(manifest("web", slipway.Web))
	if _, err := c.Deploy(t.Context(), controller.Request{Service: "web", Environment: "test", Actor: mei}); slipway.CodeOf(err) != slipway.Unavailable {
		t.Fatalf("the answer was not lost: %v", err)
	}
	w.wait(1, slipway.Succeeded)
}

// meanwhile is a store in which something happens just before a deployment is
// kept, the first time.
type meanwhile struct {
	controller.Store
	once *sync.Once
	do   func()
}

func (m meanwhile) CreateDeployment(ctx context.Context, d slipway.Deployment, r slipway.Revision, want int, events ...slipway.Event) (slipway.Deployment, bool, error) {
	m.once.Do(m.do)
	return m.Store.CreateDeployment(ctx, d, r, want, events...)
}

func TestAScaleAskedForWhileADeploymentIs(t *testing.T) {
	w := newWorld(t)
	c := w.controller("a")
	w.run(c)
	w.publish(manifest("web", slipway.Web))
	w.wait(w.deploy(c, controller.Request{Service: "web"}).ID, slipway.Succeeded)
	scaled := func(n, serving int) func() {
		return func() {
			if err := c.Scale(t.Context(), web, n, mei); err != nil {
				t.Error(err)
			}
			w.until("scaled before", func() bool { return w.serving(web)[1] == serving })
		}
	}
	asks := w.controller("asks")
	asks.Store = meanwhile{w.store, new(sync.Once), scaled(5, 5)}
	w.publish(manifest("web", slipway.Web))
	d := w.wait(w.deploy(asks, controller.Request{Service: "web", Release: 1}).ID, slipway.Succeeded)
	if target, err := w.store.Target(t.Context(), web); err != nil || d.Want != 5 || target.Want != 5 {
		t.Errorf("%d instances, %+v, %v: want the 5 that were asked for", d.Want, target, err)
	}
	for _, ask := range []controller.Request{{Service: "web", Release: 1}, {Service: "web", Kind: slipway.KindRestart}} {
		scaled(5, 5)()
		asks.Store = meanwhile{w.store, new(sync.Once), scaled(0, 3)}
		d = w.wait(w.deploy(asks, ask).ID, slipway.Succeeded)
		if target, err := w.store.Target(t.Context(), web); err != nil || d.Want != 3 || target.Want != 3 {
			t.Errorf("%s: %d instances, %+v, %v: want the 3 of the manifest again", d.Kind, d.Want, target, err)
		}
	}
}

func TestAServiceRemovedWhileADeploymentIsAskedFor(t *testing.T) {
	w := newWorld(t)
	c := w.controller("a")
	w.run(c)
	w.publish(manifest("web", slipway.Web))
	w.wait(w.deploy(c, controller.Request{Service: "web"}).ID, slipway.Succeeded)
	remove := func(finished bool) func() {
		return func() {
			if err := c.Remove(t.Context(), web, mei); err != nil {
				t.Error(err)
			}
			w.until("removed", func() bool {
				target, err := w.store.Target(t.Context(), web)
				return err == nil && (!finished || target.Port == 0)
			})
		}
	}
	asks := w.controller("asks")
	asks.Store = meanwhile{w.store, new(sync.Once), remove(true)}
	d := w.wait(w.deploy(asks, controller.Request{Service: "web", Release: 1}).ID, slipway.Succeeded)
	if target, err := w.store.Target(t.Context(), web); err != nil || target.Port == 0 || d.From != 0 {
		t.Errorf("deployed anew, from @%d: %+v, %v", d.From, target, err)
	}
	w.mu.Lock()
	port := w.route[web].Port
	w.mu.Unlock()
	if port == 0 {
		t.Error("its route has no port")
	}
	w.mu.Lock()
	w.slow = true // what is asked to stop takes its time: it is still being removed
	w.mu.Unlock()
	asks.Store = meanwhile{w.store, new(sync.Once), remove(false)}
	_, err := asks.Deploy(t.Context(), controller.Request{Service: "web", Environment: "test", Actor: mei})
	if slipway.CodeOf(err) != slipway.Conflict || !strings.Contains(err.Error(), "is just being removed from test") {
		t.Errorf("deployed while it goes: %v", err)
	}
}

// A rollback whose answer got lost is asked for again: it must not go back
// further.
func TestARollbackIsRememberedByItsKey(t *testing.T) {
	w, c, moving := heldCanary(t)
	ask := controller.Request{Service: "web", Kind: slipway.KindRollback, Key: "once"}
	later := controller.Request{Service: "web", Kind: slipway.KindRollback, Key: "another"}
	for _, r := range []controller.Request{ask, ask, later} {
		if d := w.deploy(c, r); d.ID != moving.ID {
			t.Fatalf("deployment %d, want the one that moves", d.ID)
		}
	}
	w.wait(moving.ID, slipway.RolledBack)
	for _, r := range []controller.Request{ask, later} {
		if d := w.deploy(c, r); d.ID != moving.ID || d.Phase != slipway.RolledBack {
			t.Errorf("asked again with %q: deployment %d, %s", r.Key, d.ID, d.Phase)
		}
	}
	if all, err := w.store.Deployments(t.Context(), slipway.DeploymentFilter{Target: web}, 10); err != nil || len(all) != 2 {
		t.Errorf("%d deployments, %v", len(all), err)
	}
}

func TestRollingBackWhileItMovesIsAborting(t *testing.T) {
	w, c, moving := heldCanary(t)
	for range 2 {
		if d := w.deploy(c, controller.Request{Service: "web", Kind: slipway.KindRollback}); d.ID != moving.ID {
			t.Fatalf("deployment %d, want the one that moves", d.ID)
		}
	}
	w.wait(moving.ID, slipway.RolledBack)
	w.until("all of @1", func() bool { got := w.serving(web); return got[1] == 3 && got[2] == 0 })
}

func TestOlderReleasesHaveToBeMeant(t *testing.T) {
	w := newWorld(t)
	c := w.controller("a")
	w.run(c)
	w.publish(manifest("web", slipway.Web))
	w.publish(manifest("web", slipway.Web))
	w.wait(w.deploy(c, controller.Request{Service: "web"}).ID, slipway.Succeeded)
	_, err := c.Deploy(t.Context(), controller.Request{Service: "web", Environment: "test", Release: 1, Actor: mei})
	if slipway.CodeOf(err) != slipway.Conflict || !strings.Contains(err.Error(), "web@1 is older than @2, which is live in test\nGo back to what served before: slipway rollback web test") {
		t.Errorf("an older release: %v", err)
	}
	w.wait(w.deploy(c, controller.Request{Service: "web", Release: 1, Older: true}).ID, slipway.Succeeded)
}

func TestAScaleStays(t *testing.T) {
	w, c, moving := heldCanary(t)
	scale := func(n int) {
		t.Helper()
		if err := c.Scale(t.Context(), web, n, mei); err != nil {
			t.Fatal(err)
		}
	}
	scale(5)
	w.until("a canary towards five", func() bool { d := w.deployment(moving.ID); return d.Want == 5 && w.serving(web)[1] == 5 })
	if err := c.Abort(t.Context(), moving.ID, mei); err != nil {
		t.Fatal(err)
	}
	w.wait(moving.ID, slipway.RolledBack)
	w.publish(manifest("web", slipway.Web))
	if d := w.wait(w.deploy(c, controller.Request{Service: "web"}).ID, slipway.Succeeded); d.Want != 5 {
		t.Errorf("the next deployment wants %d", d.Want)
	}
	scale(2)
	w.until("two", func() bool { return w.serving(web)[3] == 2 })
	scale(0)
	w.until("what the manifest says", func() bool { return w.serving(web)[3] == 3 })
	if target, err := w.store.Target(t.Context(), web); err != nil || target.Scale != 0 || target.Want != 3 {
		t.Errorf("%+v, %v", target, err)
	}
	for n, code := range map[int]slipway.Code{-1: slipway.Invalid, 1001: slipway.Invalid} {
		if err := c.Scale(t.Context(), web, n, mei); slipway.CodeOf(err) != code {
			t.Errorf("scale to %d: %v", n, err)
		}
	}
	if err := c.Scale(t.Context(), slipway.TargetID{Service: "web", Environment: "prod"}, 2, mei); slipway.CodeOf(err) != slipway.NotFound {
		t.Errorf("scale where nothing is: %v", err)
	}
}

func TestRemovesAService(t *testing.T) {
	w, c, moving := heldCanary(t)
	w.publish(manifest("frontend", slipway.Web, slipway.Need{Service: "web"}))
	w.wait(w.deploy(c, controller.Request{Service: "frontend"}).ID, slipway.Succeeded)
	err := c.Remove(t.Context(), web, mei)
	if slipway.CodeOf(err) != slipway.Conflict || !strings.Contains(slipway.MessageOf(err), "web is needed in test by frontend") {
		t.Fatalf("removing what is needed: %v", err)
	}
	for _, id := range []slipway.TargetID{{Service: "frontend", Environment: "test"}, web} {
		if err := c.Remove(t.Context(), id, mei); err != nil {
			t.Fatal(err)
		}
		w.until("nothing of "+id.String(), func() bool {
			target, err := w.store.Target(t.Context(), id)
			return err == nil && !target.Removing && target.Stable == "" && target.Port == 0 && target.Preview == 0
		})
	}
	if d := w.deployment(moving.ID); d.Phase != slipway.RolledBack {
		t.Errorf("what moved is %s", d.Phase)
	}
	if got := w.serving(web); len(got) != 0 {
		t.Errorf("still served by %v", got)
	}
	d := w.wait(w.deploy(c, controller.Request{Service: "web", Release: 2}).ID, slipway.Succeeded)
	if target, err := w.store.Target(t.Context(), web); err != nil || target.Port == 0 || d.From != 0 {
		t.Errorf("deployed again, from @%d: %+v, %v", d.From, target, err)
	}
}

// tasks are run by nobody until a test says how they end.
type tasks struct {
	mu   sync.Mutex
	ran  []slipway.Task
	said map[slipway.TaskID]slipway.TaskStatus
}

func (ts *tasks) RunTask(_ context.Context, t slipway.Task) error {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if _, known := ts.said[t.ID]; !known {
		ts.ran = append(ts.ran, t)
		ts.said[t.ID] = slipway.TaskStatus{State: slipway.TaskRunning}
	}
	return nil
}

func (ts *tasks) CancelTask(_ context.Context, id slipway.TaskID) error {
	return ts.say(id, slipway.TaskStatus{State: slipway.TaskCancelled})
}

func (ts *tasks) say(id slipway.TaskID, s slipway.TaskStatus) error {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if before, known := ts.said[id]; known && !before.State.Ended() {
		ts.said[id] = s
	}
	return nil
}

func (ts *tasks) TaskStatus(_ context.Context, id slipway.TaskID) (slipway.TaskStatus, error) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	s, known := ts.said[id]
	if !known {
		return s, slipway.Errorf(slipway.NotFound, "no task %s", id)
	}
	return s, nil
}

func (ts *tasks) OpenTasks(context.Context) (open []slipway.Task, err error) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, t := range ts.ran {
		if !ts.said[t.ID].State.Ended() {
			open = append(open, t)
		}
	}
	return open, nil
}

func (ts *tasks) all() []slipway.Task {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return slices.Clone(ts.ran)
}

func TestTestsBeforeTraffic(t *testing.T) {
	w := newWorld(t)
	c := w.controller("a")
	ts := &tasks{said: map[slipway.TaskID]slipway.TaskStatus{}}
	// Left behind by a process that died between commit and act.
	ts.ran = []slipway.Task{{ID: "deployment-99.preview", Deployment: 99}}
	ts.said["deployment-99.preview"] = slipway.TaskStatus{State: slipway.TaskRunning}
	c.Tasks = ts
	w.run(c)
	m := manifest("web", slipway.Web)
	place := m.Environments["test"]
	place.Rollout = slipway.Rollout{Strategy: slipway.Immutable, KeepOld: time.Hour, Preview: &slipway.Preview{Command: "ci/bin/probe"}}
	m.Environments["test"] = place
	w.publish(manifest("web", slipway.Web))
	w.wait(w.deploy(c, controller.Request{Service: "web"}).ID, slipway.Succeeded)
	w.until("what nobody waits for is cancelled", func() bool { open, _ := ts.OpenTasks(t.Context()); return len(open) == 0 })

	w.publish(m)
	d := w.deploy(c, controller.Request{Service: "web"})
	w.until("the tests run", func() bool { return len(ts.all()) == 2 })
	task := ts.all()[1]
	if task.Command != "ci/bin/probe" || task.Queue != "test" || task.Release != 2 || !strings.HasPrefix(task.Env["SLIPWAY_PREVIEW_URL"], "http://127.0.0.1:71") {
		t.Errorf("runs %+v", task)
	}
	w.mu.Lock()
	door := w.route[web].Preview
	w.mu.Unlock()
	if door == nil || door.Group != slipway.GroupOf(d.ID) {
		t.Errorf("the preview leads to %+v", door)
	}
	_ = ts.say(task.ID, slipway.TaskStatus{State: slipway.TaskFailed, Why: "exit 3"})
	w.hub.Wake("target/" + web.String())
	if failed := w.wait(d.ID, slipway.Failed); !strings.Contains(story(failed), "the tests before traffic did not pass: exit 3") {
		t.Errorf("does not say why: %s", story(failed))
	}

	d = w.deploy(c, controller.Request{Service: "web"})
	w.until("the tests run again", func() bool { return len(ts.all()) == 3 })
	_ = ts.say(ts.all()[2].ID, slipway.TaskStatus{State: slipway.TaskPassed})
	w.hub.Wake("target/" + web.String())
	w.wait(d.ID, slipway.Succeeded)
	target, err := w.store.Target(t.Context(), web)
	if err != nil || len(target.Retained) != 1 {
		t.Fatalf("retained %+v, %v", target.Retained, err)
	}
	// The way back is a change of weights; it runs no tests.
	began := time.Now()
	w.wait(w.deploy(c, controller.Request{Service: "web", Kind: slipway.KindRollback}).ID, slipway.Succeeded)
	t.Logf("returned in %s", time.Since(began))
	if len(ts.all()) != 3 {
		t.Error("going back ran tests")
	}
}

func TestForeseesWhatDeployWouldBegin(t *testing.T) {
	w, c, moving := heldCanary(t)
	w.publish(canary(time.Minute))
	f, err := c.Foresee(t.Context(), controller.Request{Service: "web", Environment: "test", Actor: mei})
	if err != nil {
		t.Fatal(err)
	}
	var weights []slipway.BasisPoints
	for _, s := range f.Deployment.Stages {
		weights = append(weights, s.Weight)
	}
	if want := []slipway.BasisPoints{0, 1000, 10000, 10000}; !slices.Equal(weights, want) || f.Deployment.From != 1 || f.Deployment.Release != 3 {
		t.Errorf("foresees @%d to @%d by %v, want %v", f.Deployment.From, f.Deployment.Release, weights, want)
	}
	all, err := w.store.Deployments(t.Context(), slipway.DeploymentFilter{}, 10)
	if err != nil || len(all) != 2 || w.deployment(moving.ID).Phase != slipway.Progressing {
		t.Errorf("it moved something: %d deployments, %v", len(all), err)
	}
}
