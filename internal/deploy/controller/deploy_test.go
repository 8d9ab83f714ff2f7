package controller_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/controller"
)

func TestRevisionKnowsWhatItNeeds(t *testing.T) {
	w := newWorld(t)
	c := w.controller("a")
	m := manifest("frontend", slipway.Web, slipway.Need{Service: "thoughts-backend"}, slipway.Need{Service: "users-backend", AtLeast: 3})
	w.publish(m)
	d := w.deploy(c, controller.Request{Service: "frontend", Environment: "prod", Release: 1})
	r, err := w.store.Revision(t.Context(), d.Revision)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"LOG_LEVEL":            "warn",                  // the environment's
		"THOUGHTS_BACKEND_URL": "http://127.0.0.1:7100", // nothing of it is there, but its address is
		"USERS_BACKEND_URL":    "http://127.0.0.1:7102", // 7101 is somebody else's
	}
	if !maps.Equal(r.Run.Env, want) {
		t.Errorf("env %v, want %v", r.Run.Env, want)
	}
	if d.Want != 1 || d.Phase != slipway.Pending || len(d.Gates) != 1 {
		t.Errorf("deployment %+v: want one replica, pending, with the gate for users-backend", d)
	}
}

func TestPicksTheRelease(t *testing.T) {
	w := newWorld(t)
	c := w.controller("a")
	w.run(c)
	first := w.publish(manifest("web", slipway.Web))
	w.publish(manifest("web", slipway.Web))

	d := w.deploy(c, controller.Request{Service: "web", Build: first.Build})
	if d.Release != 1 || d.Build != "web/1" {
		t.Errorf("a job deploys @%d (%s), want what its build published", d.Release, d.Build)
	}
	w.wait(d.ID, slipway.Succeeded)
	if d := w.deploy(c, controller.Request{Service: "web", Environment: "prod"}); d.Release != 1 {
		t.Errorf("prod gets @%d, want what is live in test", d.Release)
	}
	if d := w.deploy(c, controller.Request{Service: "web"}); d.Release != 2 {
		t.Errorf("test gets @%d, want the newest", d.Release)
	}
}

func TestDeploysOncePerKey(t *testing.T) {
	w := newWorld(t)
	c := w.controller("a")
	w.publish(manifest("web", slipway.Web))
	r := controller.Request{Service: "web", Key: "job-1"}
	if first, second := w.deploy(c, r), w.deploy(c, r); first.ID != second.ID {
		t.Errorf("deployments %d and %d with one key", first.ID, second.ID)
	}
}

func TestRollsBackTheWayItCame(t *testing.T) {
	w := newWorld(t)
	c := w.controller("a")
	w.run(c)
	for range 3 {
		w.publish(manifest("web", slipway.Web))
		w.wait(w.deploy(c, controller.Request{Service: "web"}).ID, slipway.Succeeded)
	}
	for _, want := range []int{2, 1} {
		d := w.deploy(c, controller.Request{Service: "web", Kind: slipway.KindRollback})
		if d.Release != want {
			t.Fatalf("rolls back to @%d, want @%d", d.Release, want)
		}
		w.wait(d.ID, slipway.Succeeded)
	}
	_, err := c.Deploy(t.Context(), controller.Request{Service: "web", Environment: "test", Kind: slipway.KindRollback})
	if slipway.CodeOf(err) != slipway.Conflict {
		t.Errorf("rolling back from the first: %v, want a conflict", err)
	}
	d := w.deploy(c, controller.Request{Service: "web", Kind: slipway.KindRollback, Release: 3})
	w.wait(d.ID, slipway.Succeeded)
	d = w.deploy(c, controller.Request{Service: "web", Kind: slipway.KindRestart})
	if d.Release != 3 || d.Want != 3 {
		t.Errorf("restarts %d of @%d, want 3 of @3", d.Want, d.Release)
	}
	w.wait(d.ID, slipway.Succeeded)
	if got := w.serving(web); got[3] != 3 {
		t.Errorf("served by %v", got)
	}
}

func TestOneClearError(t *testing.T) {
	w := newWorld(t)
	c := w.controller("a")
	rel := w.publish(manifest("web", slipway.Web))
	w.publish(manifest("worker", slipway.Worker))
	w.deploy(c, controller.Request{Service: "worker"})
	w.publish(manifest("cron", slipway.Worker, slipway.Need{Service: "worker"}))

	for _, test := range []struct {
		request controller.Request
		code    slipway.Code
		says    string
	}{
		{controller.Request{Service: "web", Environment: "production"}, slipway.NotFound, `no environment "production"; there are test, prod`},
		{controller.Request{Service: "nobody", Environment: "test"}, slipway.NotFound, "nobody has no release yet"},
		{controller.Request{Service: "web", Environment: "test", Release: 9}, slipway.NotFound, "9"},
		{controller.Request{Service: "web", Environment: "prod"}, slipway.NotFound, "no release of web is live in test"},
		{controller.Request{Service: "worker", Environment: "test", Build: rel.Build}, slipway.NotFound, "this build has not published a release of worker"},
		{controller.Request{Service: "web", Environment: "test", Kind: slipway.KindRestart}, slipway.Conflict, "nothing of web serves in test"},
		{controller.Request{Service: "web", Environment: "test", Kind: "explode"}, slipway.Invalid, `no kind of deployment "explode"`},
		{controller.Request{Service: "cron", Environment: "test"}, slipway.Invalid, "worker is not a web service"},
	} {
		before, err := w.store.Deployments(t.Context(), slipway.DeploymentFilter{}, 100)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Deploy(t.Context(), test.request)
		if slipway.CodeOf(err) != test.code || !strings.Contains(slipway.MessageOf(err), test.says) {
			t.Errorf("%+v: %s %q, want %s %q", test.request, slipway.CodeOf(err), slipway.MessageOf(err), test.code, test.says)
		}
		if after, _ := w.store.Deployments(t.Context(), slipway.DeploymentFilter{}, 100); len(after) != len(before) {
			t.Errorf("%+v: left a deployment behind", test.request)
		}
	}
}
