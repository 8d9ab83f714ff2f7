package server_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/server/auth"
)

// others makes repository payments with a build, a service that is live in test,
// and the deployment of it.
func (w *world) others() api.Deployment {
	w.t.Helper()
	ctx := w.t.Context()
	if err := w.store.CreateRepository(ctx, slipway.Repository{Name: "payments"}); err != nil {
		w.t.Fatal(err)
	}
	p := slipway.Push{Repository: "payments", Ref: "refs/heads/master", Old: zeros, New: ones}
	b := slipway.Build{ID: "build-p", Push: p, State: slipway.BuildPassed, CreatedAt: time.Now(), Jobs: []slipway.Job{{
		ID: "job-p", State: slipway.JobPassed, Step: step("Test", "test"), Attempts: []slipway.Attempt{{Number: 1, State: slipway.AttemptFinished}},
	}}}
	if _, _, err := w.store.RecordPush(ctx, p, "master", &b); err != nil {
		w.t.Fatal(err)
	}
	job := w.as(auth.JobPrefix, slipway.Principal{
		Environments: []slipway.EnvironmentName{"test"}, Job: &slipway.JobGrant{Build: "build-p", Job: "job-p", Attempt: 1, Repository: "payments"},
	})
	if _, err := job.PublishRelease(ctx, api.PublishRelease{Service: "payments", Image: string(image), Manifest: "service: payments", Path: "slipway.yaml"}); err != nil {
		w.t.Fatal(err)
	}
	d, err := job.Deploy(ctx, api.CreateDeployment{Service: "payments", Environment: "test", Kind: "deploy", Release: 1})
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// A job sees what is live, its own repository's builds and its own build's logs,
// and moves its own repository's services. What its command is made to ask
// besides is refused.
func TestAJobIsKeptToItsOwn(t *testing.T) {
	w := newWorld(t)
	theirs := w.others()
	if _, err := w.job.PublishRelease(t.Context(), api.PublishRelease{Service: "web", Image: string(image), Manifest: "service: web", Path: "slipway.yaml"}); err != nil {
		t.Fatal(err)
	}
	mine, err := w.job.Deploy(t.Context(), api.CreateDeployment{Service: "web", Environment: "test", Kind: "deploy"})
	if err != nil {
		t.Fatal(err)
	}
	feature := w.as(auth.JobPrefix, slipway.Principal{ // of a branch: may deploy nowhere
		Actor: slipway.Actor{Kind: slipway.ActorJob, Name: "web/2 Test"}, Job: &slipway.JobGrant{Build: "build-2", Job: "job-f", Attempt: 1, Repository: "web"},
	})
	log := func(job string) func(context.Context, *api.Client) error {
		return func(ctx context.Context, c *api.Client) error {
			r, err := c.JobLog(ctx, job, 0, false)
			if err == nil {
				_ = r.Close()
			}
			return err
		}
	}
	logs := func(service, env string) func(context.Context, *api.Client) error {
		return func(ctx context.Context, c *api.Client) error {
			r, err := c.Logs(ctx, service, env, "", 10, false)
			if err == nil {
				_ = r.Close()
			}
			return err
		}
	}
	events := func(f api.EventFilter) func(context.Context, *api.Client) error {
		return func(ctx context.Context, c *api.Client) error {
			for _, err := range c.Events(ctx, 0, false, f) {
				return err
			}
			return nil
		}
	}
	deploy := func(d api.CreateDeployment) func(context.Context, *api.Client) error {
		return func(ctx context.Context, c *api.Client) error { _, err := c.Deploy(ctx, d); return err }
	}
	for _, tt := range []struct {
		name            string
		do              func(context.Context, *api.Client) error
		job, of, people string // codes: a job of the default branch, one of a branch, a viewer
	}{
		{"board", func(ctx context.Context, c *api.Client) error { _, err := c.Board(ctx); return err }, "", "", ""},
		{"what is live", func(ctx context.Context, c *api.Client) error {
			_, err := c.Target(ctx, "payments", "test")
			return err
		}, "", "", ""},
		{"their deployment", func(ctx context.Context, c *api.Client) error { _, err := c.Deployment(ctx, theirs.ID); return err }, "", "", ""},
		{"own build", func(ctx context.Context, c *api.Client) error { _, err := c.Build(ctx, "web", 1); return err }, "", "", ""},
		{"their build", func(ctx context.Context, c *api.Client) error { _, err := c.Build(ctx, "payments", 1); return err }, "forbidden", "forbidden", ""},
		{"own builds", func(ctx context.Context, c *api.Client) error { _, err := c.Builds(ctx, "web", 0); return err }, "", "", ""},
		{"their builds", func(ctx context.Context, c *api.Client) error { _, err := c.Builds(ctx, "payments", 0); return err }, "forbidden", "forbidden", ""},
		{"own log", log("job-1"), "", "forbidden", ""},
		{"their log", log("job-p"), "forbidden", "forbidden", ""},
		{"own instances' logs", logs("web", "test"), "", "forbidden", ""},
		{"their instances' logs", logs("payments", "test"), "forbidden", "forbidden", ""},
		{"own events", events(api.EventFilter{Build: "web/1"}), "", "", ""},
		{"a deployment's events", events(api.EventFilter{Deployment: mine.ID}), "", "", ""},
		{"their events", events(api.EventFilter{Build: "payments/1"}), "forbidden", "forbidden", ""},
		{"all events", events(api.EventFilter{}), "forbidden", "forbidden", ""},
		{"users", func(ctx context.Context, c *api.Client) error { _, err := c.Users(ctx); return err }, "forbidden", "forbidden", ""},
		{"agents", func(ctx context.Context, c *api.Client) error { _, err := c.Agents(ctx); return err }, "forbidden", "forbidden", ""},
		{"deploy its own", deploy(api.CreateDeployment{Service: "web", Environment: "test", Kind: "deploy"}), "", "forbidden", "forbidden"},
		{"deploy to another environment", deploy(api.CreateDeployment{Service: "web", Environment: "prod", Kind: "deploy"}), "forbidden", "forbidden", "forbidden"},
		{"deploy theirs", deploy(api.CreateDeployment{Service: "payments", Environment: "test", Kind: "deploy", Release: 1}), "forbidden", "forbidden", "forbidden"},
		{"roll theirs back", deploy(api.CreateDeployment{Service: "payments", Environment: "test", Kind: "rollback"}), "forbidden", "forbidden", "forbidden"},
		{"abort theirs", func(ctx context.Context, c *api.Client) error { _, err := c.Abort(ctx, theirs.ID); return err }, "forbidden", "forbidden", "forbidden"},
		{"promote its own", func(ctx context.Context, c *api.Client) error {
			_, err := c.Promote(ctx, mine.ID, api.Promote{})
			return err
		}, "forbidden", "forbidden", "forbidden"},
		{"abort its own", func(ctx context.Context, c *api.Client) error { _, err := c.Abort(ctx, mine.ID); return err }, "", "forbidden", "forbidden"},
	} {
		for who, c := range map[string]struct {
			client *api.Client
			want   string
		}{"a job": {w.job, tt.job}, "a branch's job": {feature, tt.of}, "a viewer": {w.viewer, tt.people}} {
			if got := codeOf(tt.do(t.Context(), c.client)); got != c.want {
				t.Errorf("%s by %s: %q, want %q", tt.name, who, got, c.want)
			}
		}
	}
	all, err := w.job.Builds(t.Context(), "", 0)
	if err != nil || len(all) != 1 || all[0].Repository != "web" {
		t.Errorf("a job lists %+v, %v", all, err)
	}
}

// What tests a candidate runs at the commit of a release: it makes no other.
func TestTestsBeforeTrafficPublishNothing(t *testing.T) {
	w := newWorld(t)
	p := api.PublishRelease{Service: "web", Image: string(image), Manifest: "service: web", Path: "slipway.yaml"}
	if _, err := w.job.PublishRelease(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	b, _, err := w.store.CreateTask(t.Context(), slipway.Build{
		ID: "build-t", Push: slipway.Push{Repository: "web", Ref: "refs/heads/master", New: ones}, State: slipway.BuildRunning,
		Task: &slipway.Task{ID: slipway.TestsOf(1), Target: slipway.TargetID{Service: "web", Environment: "prod"}, Deployment: 1, Release: 1},
		Jobs: []slipway.Job{{ID: "job-t", State: slipway.JobRunning, Step: step("Tests", "test")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	tests := w.as(auth.JobPrefix, slipway.Principal{
		Actor: slipway.Actor{Kind: slipway.ActorJob, Name: b.Slug() + " Tests"}, Job: &slipway.JobGrant{Build: b.ID, Job: "job-t", Attempt: 1, Repository: "web"},
	})
	_, err = tests.PublishRelease(t.Context(), p)
	if codeOf(err) != "forbidden" || !strings.Contains(err.Error(), "tests before traffic publish no releases: they test @1, which is made already") {
		t.Errorf("the tests publish: %v", err)
	}
	if all, err := w.store.Releases(t.Context(), "web", 10); err != nil || len(all) != 1 {
		t.Errorf("%d releases, %v", len(all), err)
	}
}

// A job that asks for several things gets each of them, once.
func TestAJobAsksForSeveralThings(t *testing.T) {
	w := newWorld(t)
	var ids []int64
	for _, ask := range []api.CreateDeployment{
		{Service: "web", Environment: "test", Kind: "deploy", Release: 2},
		{Service: "web", Environment: "test", Kind: "deploy", Release: 2},
		{Service: "web", Environment: "test", Kind: "deploy", Release: 1},
		{Service: "web", Environment: "test", Kind: "rollback"},
		{Service: "web", Environment: "test", Kind: "rollback"},
	} {
		d, err := w.job.Deploy(t.Context(), ask)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, d.ID)
	}
	if ids[0] != ids[1] || ids[1] == ids[2] || ids[2] == ids[3] || ids[3] != ids[4] {
		t.Errorf("deployments %v", ids)
	}
}

// What an instance of theirs printed last is in the deployment that failed.
func TestAJobDoesNotReadTheLastWordsOfOthers(t *testing.T) {
	w := newWorld(t)
	d := w.others()
	if _, err := w.store.Acquire(t.Context(), slipway.TargetID{Service: "payments", Environment: "test"}, "me", time.Minute); err != nil {
		t.Fatal(err)
	}
	s, err := w.store.LoadState(t.Context(), slipway.TargetID{Service: "payments", Environment: "test"})
	if err != nil {
		t.Fatal(err)
	}
	s.Deployment.Phase, s.Deployment.Why, s.Deployment.Blamed = slipway.Failed, []slipway.Why{{Text: "i-1 was not ready"}}, "i-1"
	if _, err := w.store.CommitState(t.Context(), "me", s.Target.Fence, s); err != nil {
		t.Fatal(err)
	}
	for who, c := range map[string]struct {
		client *api.Client
		sees   bool
	}{"a viewer": {w.viewer, true}, "a job": {w.job, false}} {
		got, err := c.client.Deployment(t.Context(), d.ID)
		if err != nil || (len(got.LogTail) > 0) != c.sees {
			t.Errorf("%s sees %q, %v", who, got.LogTail, err)
		}
	}
}

// Streams are bounded, and one that nobody reads ends.
func TestStreamsAreBounded(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	open := func() int {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/api/v1/events?follow=true", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+w.token)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = res.Body.Close() })
		return res.StatusCode
	}
	for range 3 {
		if code := open(); code != http.StatusOK {
			t.Fatal(code)
		}
	}
	if code := open(); code != http.StatusServiceUnavailable {
		t.Errorf("one too many: %d", code)
	}
	cancel()
	ctx = t.Context()
	for range 100 { // the server hears of it in a moment
		if code := open(); code == http.StatusOK {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("streams that ended are still counted")
}
