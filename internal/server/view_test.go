package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/server/view"
)

func TestTheBoard(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	if b, err := w.viewer.Board(ctx); err != nil || len(b.Services) != 0 || b.Services == nil || strings.Join(b.Environments, " ") != "test prod" {
		t.Errorf("an empty board is %+v, %v", b, err)
	}
	if _, err := w.job.PublishRelease(ctx, api.PublishRelease{Service: "web", Image: string(image), Manifest: "service: web", Path: "slipway.yaml"}); err != nil {
		t.Fatal(err)
	}
	d, err := w.admin.Deploy(ctx, api.CreateDeployment{Service: "web", Environment: "test", Kind: "deploy", Release: 1})
	if err != nil || d.Phase != "pending" || d.URL != "http://slipway.test/deployments/1" || d.Stages[1].Title != "2 of 2" || d.Weight != 0 {
		t.Errorf("%+v, %v", d, err)
	}
	id := slipway.TargetID{Service: "web", Environment: "test"}
	target := func() api.Target {
		t.Helper()
		x, err := w.viewer.Target(ctx, "web", "test")
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	if x := target(); x.Health != "none" || x.Moving == nil || x.Release != 0 || x.URL != "http://127.0.0.1:7100" {
		t.Errorf("before anything serves: %+v", x)
	}
	w.serve(id, 1, ready("i-1"), ready("i-2"))
	if x := target(); x.Health != "healthy" || x.Ready != 2 || x.Release != 1 || x.Commit != string(ones) || x.Moving != nil ||
		x.Last == nil || x.Last.Weight != 10000 || x.Actor.Name != "ada" || x.Requests != 412 || x.Instances[0].InFlight != 3 || x.Instances[0].Release != 1 {
		b, _ := json.MarshalIndent(x, "", " ")
		t.Errorf("what serves: %s", b)
	}
	sick := ready("i-2")
	sick.Phase, sick.Why, sick.Restarts = slipway.InstanceBackoff, "exit 137, out of memory", 2
	w.serve2(id, ready("i-1"), sick)
	if x := target(); x.Health != "degraded" || x.Ready != 1 || x.Why != "i-2 restarting (exit 137, out of memory), 2nd time" {
		t.Errorf("one is sick: %+v", x)
	}
	w.serve2(id)
	if x := target(); x.Health != "down" {
		t.Errorf("none is there: %+v", x)
	}
	w.broken = errors.New("EIO")
	if x := target(); x.Health != "unknown" || !strings.HasSuffix(x.Why, "internal error") {
		t.Errorf("nobody knows: %+v", x)
	}
	w.broken = nil
	board, err := w.viewer.Board(ctx)
	if err != nil || len(board.Services) != 1 || len(board.Services[0].Targets) != 2 || board.Services[0].Targets[1].Health != "none" {
		t.Errorf("%+v, %v", board, err)
	}
	if releases, err := w.viewer.Releases(ctx, "web", 0); err != nil || len(releases) != 1 || strings.Join(releases[0].LiveIn, "") != "test" {
		t.Errorf("%+v, %v", releases, err)
	}
}

func TestOneTargetIsLookedAtClosely(t *testing.T) {
	id := slipway.TargetID{Service: "web", Environment: "test"}
	var w *world
	w = newWorld(t, func(v *view.Viewer) {
		v.Observed = func(_ context.Context, t slipway.TargetID) ([]slipway.GroupStatus, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if t != id || w.broken != nil || len(w.groups) == 0 {
				return nil, w.broken
			}
			g := w.groups[0]
			g.Instances = slices.Clone(g.Instances)
			g.Instances[0].Uses = &slipway.Uses{CPU: 1500 * time.Millisecond, Busy: 0.25, Memory: 48 << 20}
			g.Instances[0].Said = &slipway.Said{Warnings: 2, Errors: 3, Classes: []slipway.ErrorClass{{Title: "it broke"}}}
			return []slipway.GroupStatus{g}, nil
		}
	})
	ctx := t.Context()
	if _, err := w.job.PublishRelease(ctx, api.PublishRelease{Service: "web", Image: string(image), Manifest: "service: web", Path: "slipway.yaml"}); err != nil {
		t.Fatal(err)
	}
	d, err := w.admin.Deploy(ctx, api.CreateDeployment{Service: "web", Environment: "test", Kind: "deploy", Release: 1})
	if err != nil {
		t.Fatal(err)
	}
	w.serve(id, 1, ready("i-1"), ready("i-2"))
	target, err := w.viewer.Target(ctx, "web", "test")
	if err != nil {
		t.Fatal(err)
	}
	shown, err := w.viewer.Deployment(ctx, d.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, instances := range [][]api.Instance{target.Instances, shown.Instances} {
		i := instances[0]
		if i.Uses == nil || *i.Uses != (api.Uses{CPUMS: 1500, Busy: 0.25, Memory: 48 << 20}) || i.Printed == nil || *i.Printed != (api.Printed{Warnings: 2, Errors: 3}) {
			t.Errorf("%+v", i)
		}
		if other := instances[1]; other.Uses != nil || other.Printed != nil {
			t.Errorf("what is not known is shown: %+v", other)
		}
	}
	w.broken = errors.New("EIO")
	if target, err = w.viewer.Target(ctx, "web", "test"); err != nil || target.Health != "unknown" {
		t.Errorf("nobody knows: %+v, %v", target, err)
	}
}

func (w *world) serve2(id slipway.TargetID, instances ...slipway.InstanceStatus) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.groups[0].Instances = instances
}

func TestARefusedDeploymentShowsTheLogOfTheInstanceThatFailedIt(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	d, err := w.admin.Deploy(ctx, api.CreateDeployment{Service: "web", Environment: "prod", Kind: "deploy", Release: 1})
	if err != nil {
		t.Fatal(err)
	}
	id := slipway.TargetID{Service: "web", Environment: "prod"}
	if _, err := w.store.Acquire(ctx, id, "me", time.Minute); err != nil {
		t.Fatal(err)
	}
	s, err := w.store.LoadState(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	s.Deployment.Phase, s.Deployment.Blamed = slipway.Failed, "i-1"
	s.Deployment.Why = []slipway.Why{{At: time.Now(), Text: "i-1 was not ready within 30 s: GET /readyz → 500"}, {At: time.Now(), Text: "@1 was refused"}}
	if _, err := w.store.CommitState(ctx, "me", s.Target.Fence, s); err != nil {
		t.Fatal(err)
	}
	got, err := w.viewer.Deployment(ctx, d.ID)
	if err != nil || !got.Ended || got.Blamed != "i-1" || strings.Join(got.LogTail, "|") != "hello of i-1|dial tcp: refused" || len(got.Why) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}
