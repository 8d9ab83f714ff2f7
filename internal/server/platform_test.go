package server_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// Platform of the world: locks and approvals are as they are asked for.

func (w *world) Declared(ctx context.Context) (slipway.Declared, error) {
	d, err := w.store.Declaration(ctx)
	return slipway.Declared{Declaration: d, Drift: &slipway.Drift{Commit: ones, Problem: "environments.yaml:1:1: no"}}, err
}

func (w *world) Apply(_ context.Context, by slipway.Principal, d slipway.Draft) (slipway.Applied, error) {
	if !by.CanAdminister() {
		return slipway.Applied{}, slipway.Errorf(slipway.Forbidden, "no")
	}
	return slipway.Applied{Declaration: slipway.Declaration{Version: d.After + 1}, Dry: d.Dry, Changes: []slipway.EnvironmentChange{
		{Environment: "prod", Kind: slipway.Changed, Differences: []slipway.Difference{{Name: d.File, From: "a", To: d.Text}}},
	}}, nil
}

func (w *world) Lock(ctx context.Context, by slipway.Principal, t slipway.TargetID, why string, d time.Duration) (slipway.Lock, error) {
	now := time.Now()
	return w.store.Lock(ctx, slipway.Lock{ID: why, Target: t, Why: why, Actor: by.Actor, At: now, Until: now.Add(d)})
}

func (w *world) Unlock(ctx context.Context, _ slipway.Principal, t slipway.TargetID) (slipway.Lock, error) {
	all, err := w.store.Locks(ctx)
	if err != nil || len(all) == 0 {
		return slipway.Lock{}, slipway.Errorf(slipway.NotFound, "none")
	}
	return all[0], w.store.Unlock(ctx, all[0])
}

func (w *world) Approve(_ context.Context, by slipway.Principal, id slipway.DeploymentID) (slipway.Deployment, error) {
	if by.Role != slipway.Admin {
		return slipway.Deployment{}, slipway.Errorf(slipway.Forbidden, "no")
	}
	return slipway.Deployment{ID: id}, nil
}

func TestPlatform(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	e, err := w.viewer.Environments(ctx)
	if err != nil || len(e.Environments) != 2 || e.Environments[1].Previous != "test" || len(e.Environments[1].Facts) == 0 || !strings.Contains(e.Drift.Problem, "1:1") {
		t.Errorf("%+v, %v", e, err)
	}
	if test := e.Environments[0]; test.Agents != 0 || test.Idle != "no agent of queue test is connected: its jobs wait" ||
		test.Start != "slipway up --queue test --queue production, or alone: slipway agent --queue test" {
		t.Errorf("nobody runs its jobs: %+v", test)
	}
	if err := w.store.SaveAgent(ctx, slipway.Agent{ID: "a", Queue: "test", State: slipway.AgentConnected}); err != nil {
		t.Fatal(err)
	}
	if e, err = w.viewer.Environments(ctx); err != nil || e.Environments[0].Agents != 1 || e.Environments[0].Idle != "" || e.Environments[1].Idle == "" {
		t.Errorf("%+v, %v", e, err)
	}
	done, err := w.admin.Apply(ctx, api.Apply{Text: "b", Version: new(4), DryRun: true})
	if err != nil || done.Version != 5 || !done.DryRun || done.Changes[0].Differences[0] != (api.Difference{Name: "environments.yaml", From: "a", To: "b"}) {
		t.Errorf("%+v, %v", done, err)
	}
	if _, err := w.viewer.Apply(ctx, api.Apply{Text: "b"}); codeOf(err) != "forbidden" {
		t.Errorf("%v", err)
	}
	l, err := w.admin.Lock(ctx, api.CreateLock{Environment: "prod", Why: "migration", ForMS: 3_600_000})
	if err != nil || l.Actor.Name != "ada" || l.Until.Sub(l.At) != time.Hour {
		t.Errorf("%+v, %v", l, err)
	}
	if all, err := w.viewer.Locks(ctx); err != nil || len(all) != 1 || all[0].Why != "migration" {
		t.Errorf("%+v, %v", all, err)
	}
	if e, err := w.viewer.Environments(ctx); err != nil || len(e.Environments[1].Locks) != 1 {
		t.Errorf("%+v, %v", e, err)
	}
	d, err := w.admin.Deploy(ctx, api.CreateDeployment{Service: "web", Environment: "prod", Kind: "rollback", Release: 1, Override: "customers cannot pay"})
	if err != nil || w.deployed[0].Override != "customers cannot pay" {
		t.Errorf("%+v, %v", d, err)
	}
	if target, err := w.viewer.Target(ctx, "web", "prod"); err != nil || target.Lock == nil || target.Lock.Why != "migration" {
		t.Errorf("%+v, %v", target, err)
	}
	if _, err := w.viewer.Approve(ctx, d.ID); codeOf(err) != "forbidden" {
		t.Errorf("%v", err)
	}
	if got, err := w.admin.Approve(ctx, d.ID); err != nil || got.ID != d.ID {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := w.admin.Unlock(ctx, "prod", ""); err != nil {
		t.Error(err)
	}
	if all, err := w.viewer.Declarations(ctx, 5); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestWhoMayOverride(t *testing.T) {
	w := newWorld(t)
	dee := w.user("dee", slipway.Deployer)
	ask := api.CreateDeployment{Service: "web", Environment: "prod", Kind: "deploy", Release: 1, Override: "urgent"}
	if _, err := dee.Deploy(t.Context(), ask); codeOf(err) != "forbidden" || !strings.Contains(err.Error(), "it needs the role admin") {
		t.Errorf("a deployer over a freeze: %v", err)
	}
	if _, err := w.job.Deploy(t.Context(), api.CreateDeployment{Service: "web", Environment: "test", Kind: "rollback", Override: "urgent"}); codeOf(err) != "forbidden" {
		t.Errorf("a job: %v", err)
	}
	if _, err := w.admin.Deploy(t.Context(), ask); err != nil {
		t.Errorf("an admin: %v", err)
	}
	ask.Kind = "rollback"
	if _, err := dee.Deploy(t.Context(), ask); err != nil {
		t.Errorf("a deployer who rolls back: %v", err)
	}
	ask.Override = strings.Repeat("x", 501)
	if _, err := dee.Deploy(t.Context(), ask); codeOf(err) != "invalid" {
		t.Errorf("a long story: %v", err)
	}
}

func TestWhereEnvironmentsDiffer(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	if _, err := w.job.PublishRelease(ctx, api.PublishRelease{Service: "web", Image: string(image), Manifest: "service: web", Path: "slipway.yaml"}); err != nil {
		t.Fatal(err)
	}
	for i, env := range []slipway.EnvironmentName{"test", "prod"} {
		if _, err := w.admin.Deploy(ctx, api.CreateDeployment{Service: "web", Environment: string(env), Kind: "deploy", Release: 1}); err != nil {
			t.Fatal(err)
		}
		d, err := w.viewer.Diff(ctx, "test", "prod")
		if err != nil || len(d.Services) != min(i, 1) {
			t.Errorf("%+v, %v", d, err)
		}
		w.serve(slipway.TargetID{Service: "web", Environment: env}, slipway.DeploymentID(i+1))
	}
	d, err := w.viewer.Diff(ctx, "test", "prod")
	if err != nil || d.From != "test" || len(d.Services) != 1 || len(d.Services[0].Differences) != 0 {
		t.Errorf("%+v, %v", d, err)
	}
	if want := (api.Difference{Name: "queue", From: "test", To: "production"}); d.Differences[1] != want && d.Differences[0] != want {
		t.Errorf("%+v", d.Differences)
	}
	if _, err := w.viewer.Diff(ctx, "test", "prd"); codeOf(err) != "not_found" {
		t.Errorf("%v", err)
	}
}
