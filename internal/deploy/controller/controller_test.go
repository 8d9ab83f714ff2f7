package controller_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/controller"
	"github.com/slipway-cd/slipway/internal/deploy/rollout"
)

var (
	mei = slipway.Actor{Kind: slipway.ActorUser, Name: "Mei"}
	web = slipway.TargetID{Service: "web", Environment: "test"}
)

// manifest of a service with three replicas in test and one in prod.
func manifest(service slipway.ServiceName, kind slipway.Kind, needs ...slipway.Need) slipway.Manifest {
	return slipway.Manifest{
		Service: service, Kind: kind, Needs: needs,
		Run:    slipway.Run{Port: 8000, Env: map[string]string{"LOG_LEVEL": "info"}},
		Health: slipway.Health{Deadline: 5 * time.Second},
		Environments: map[slipway.EnvironmentName]slipway.Placement{
			"test": {Replicas: 3, Rollout: slipway.Rollout{Strategy: slipway.Rolling}},
			"prod": {Replicas: 1, Rollout: slipway.Rollout{Strategy: slipway.Rolling}, Env: map[string]string{"LOG_LEVEL": "warn"}},
		},
	}
}

func TestRollsAndThenCostsNothing(t *testing.T) {
	w := newWorld(t)
	c := w.controller("a")
	w.run(c)
	w.publish(manifest("web", slipway.Web))
	w.wait(w.deploy(c, controller.Request{Service: "web"}).ID, slipway.Succeeded)

	w.publish(manifest("web", slipway.Web))
	d := w.wait(w.deploy(c, controller.Request{Service: "web"}).ID, slipway.Succeeded)
	t.Logf("three instances rolled in %s", d.FinishedAt.Sub(d.StartedAt))
	if got := w.serving(web); len(got) != 1 || got[2] != 3 {
		t.Errorf("served by %v, want three of @2", got)
	}

	var before int
	for before != w.asked() { // until it is at rest
		before = w.asked()
		time.Sleep(150 * time.Millisecond)
	}
	time.Sleep(300 * time.Millisecond)
	if n := w.asked() - before; n > 0 {
		t.Errorf("looked %d times at a target at rest", n)
	}
}

func TestFailsWhatTheDriverRefusesForGood(t *testing.T) {
	w := newWorld(t)
	c := w.controller("a")
	w.run(c)
	w.publish(manifest("web", slipway.Web))
	w.wait(w.deploy(c, controller.Request{Service: "web"}).ID, slipway.Succeeded)

	w.refuse[2] = slipway.Errorf(slipway.NotFound, "the image is gone")
	w.publish(manifest("web", slipway.Web))
	d := w.wait(w.deploy(c, controller.Request{Service: "web"}).ID, slipway.Failed)
	if !strings.Contains(story(d), "the image is gone") {
		t.Errorf("does not say why: %s", story(d))
	}
	if got := w.serving(web); got[1] != 3 {
		t.Errorf("served by %v, want three of @1 untouched", got)
	}
}

func TestWaitsForWhatItNeeds(t *testing.T) {
	w := newWorld(t)
	c := w.controller("a")
	w.run(c)
	w.publish(manifest("worker", slipway.Worker, slipway.Need{Service: "web", AtLeast: 2}))
	d := w.deploy(c, controller.Request{Service: "worker"})
	for !strings.Contains(story(w.wait(d.ID, slipway.Pending)), "needs web >= 2 (nothing of it is live in test)") {
		time.Sleep(5 * time.Millisecond)
	}
	for range 2 {
		w.publish(manifest("web", slipway.Web))
		w.wait(w.deploy(c, controller.Request{Service: "web"}).ID, slipway.Succeeded)
	}
	w.wait(d.ID, slipway.Succeeded)
}

func TestAborts(t *testing.T) {
	w := newWorld(t)
	c := w.controller("a")
	w.run(c)
	w.mute[1] = true
	w.publish(manifest("web", slipway.Web))
	d := w.deploy(c, controller.Request{Service: "web"})
	w.wait(d.ID, slipway.Progressing)
	behind := w.deploy(c, controller.Request{Service: "web", Release: 1})
	for _, id := range []slipway.DeploymentID{behind.ID, d.ID} {
		if err := c.Abort(t.Context(), id, mei); err != nil {
			t.Fatal(err)
		}
	}
	w.wait(behind.ID, slipway.Cancelled)
	w.wait(d.ID, slipway.RolledBack)
	if err := c.Abort(t.Context(), d.ID, mei); slipway.CodeOf(err) != slipway.Conflict {
		t.Errorf("aborting what has ended: %v, want a conflict", err)
	}
}

// TestAnotherTakesOver ends a controller between commit and act. The events
// prove it, and the next owner goes on from what was committed.
func TestAnotherTakesOver(t *testing.T) {
	w := newWorld(t)
	a := w.controller("a")
	dying, die := context.WithCancel(t.Context())
	a.Failpoint = func(name string, id slipway.TargetID, d *slipway.Deployment) {
		if name == "controller.committed" && id == web && d != nil && d.At == 1 {
			die()
		}
	}
	w.publish(manifest("web", slipway.Web))
	w.publish(manifest("web", slipway.Web))
	first := w.deploy(a, controller.Request{Service: "web", Release: 1})
	ended := make(chan error)
	go func() { ended <- a.Run(dying) }()
	w.wait(first.ID, slipway.Succeeded)
	second := w.deploy(a, controller.Request{Service: "web", Release: 2})
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	planned, acted := w.events(second.ID)
	if planned != acted+1 {
		t.Errorf("planned %d times and acted %d times, want one more plan than acts", planned, acted)
	}

	w.run(w.controller("b"))
	w.wait(second.ID, slipway.Succeeded)
	if _, more := w.events(second.ID); more <= acted {
		t.Errorf("acted %d times before the takeover, %d times in the end", acted, more)
	}
	if got := w.serving(web); len(got) != 1 || got[2] != 3 {
		t.Errorf("served by %v, want three of @2", got)
	}
}

// TestTheFailpointIsBeforeAnAct holds what the demo proves a crash by: each time,
// the events tell of one plan that was not acted on.
func TestTheFailpointIsBeforeAnAct(t *testing.T) {
	w := newWorld(t)
	c := w.controller("a")
	c.Plan = func(s slipway.State, now time.Time) slipway.Decision {
		if s.Target.Fence.Generation%3 == 0 { // as when what was drained is forgotten
			return slipway.Decision{Next: s, Changed: true, Wake: now}
		}
		return rollout.Plan(s, now)
	}
	times := 0
	c.Failpoint = func(_ string, _ slipway.TargetID, d *slipway.Deployment) {
		if d == nil || d.Phase != slipway.Progressing {
			return
		}
		times++
		if planned, acted := w.events(d.ID); planned != acted+1 {
			t.Errorf("planned %d times and acted %d times", planned, acted)
		}
	}
	w.run(c)
	for range 2 {
		w.publish(manifest("web", slipway.Web))
		d := w.deploy(c, controller.Request{Service: "web"})
		w.wait(d.ID, slipway.Succeeded)
	}
	if times < 4 {
		t.Errorf("reached %d times", times)
	}
}

func (w *world) events(d slipway.DeploymentID) (planned, acted int) {
	w.t.Helper()
	events, err := w.store.Events(context.Background(), 0, slipway.EventFilter{Deployment: d}, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range events {
		if e.Kind == slipway.DeploymentPlanned {
			planned++
		}
		if e.Kind == slipway.DeploymentActed {
			acted++
		}
	}
	return planned, acted
}

func story(d slipway.Deployment) string {
	var parts []string
	for _, why := range d.Why {
		parts = append(parts, why.Text)
	}
	return strings.Join(parts, "\n")
}
