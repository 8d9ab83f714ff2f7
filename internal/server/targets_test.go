package server_test

import (
	"context"
	"slices"
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

func TestPlanShowsTheSchedule(t *testing.T) {
	w := newWorld(t)
	p, err := w.viewer.Plan(t.Context(), api.CreateDeployment{Service: "web", Environment: "prod", Kind: "deploy"})
	if err != nil {
		t.Fatal(err)
	}
	var titles []string
	for _, s := range p.Stages {
		titles = append(titles, s.Title)
	}
	if want := []string{"tests", "10 %", "100 %", "old gone"}; !slices.Equal(titles, want) {
		t.Errorf("stages %q, want %q", titles, want)
	}
	if s := p.Stages[1]; !s.Weighted || !s.Leased || s.HoldMS != 60_000 || s.Weight != 1000 {
		t.Errorf("stage 2: %+v", s)
	}
	if p.Tests == nil || p.Tests.Queue != "test" || p.Tests.TimeoutMS != 600_000 || len(p.Gates) != 1 || p.Text != "canary" || p.Limits == nil {
		t.Errorf("plan %+v", p)
	}
}

// People who may deploy there scale and remove; a job never does, nor who only
// looks.
func TestWhoMayScaleAndRemove(t *testing.T) {
	w := newWorld(t)
	prod := slipway.TargetID{Service: "web", Environment: "prod"}
	if _, err := w.store.EnsureTarget(t.Context(), slipway.Target{ID: prod, Kind: slipway.Worker}, nil); err != nil {
		t.Fatal(err)
	}
	change := map[string]func(context.Context, *api.Client, string) error{
		"scale": func(ctx context.Context, c *api.Client, env string) error {
			_, err := c.Scale(ctx, "web", env, 3)
			return err
		},
		"remove": func(ctx context.Context, c *api.Client, env string) error {
			_, err := c.Remove(ctx, "web", env)
			return err
		},
	}
	for what, do := range change {
		if err := do(t.Context(), w.admin, "prod"); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		for who, c := range map[string]*api.Client{"a viewer": w.viewer, "a job": w.job, "one of test": w.user("tess-"+what, slipway.Deployer, "test")} {
			if code := codeOf(do(t.Context(), c, "prod")); code != "forbidden" {
				t.Errorf("%s, by %s: %q", what, who, code)
			}
		}
		if code := codeOf(do(t.Context(), w.admin, "nowhere")); code != "not_found" {
			t.Errorf("%s in an environment that is not there: %q", what, code)
		}
	}
}
