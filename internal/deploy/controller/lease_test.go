package controller_test

import (
	"context"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/controller"
)

// hands counts what is done through them.
type hands struct {
	runtime
	routes
	acts int
}

func (h *hands) Apply(ctx context.Context, g slipway.GroupSpec) error {
	h.acts++
	return h.runtime.Apply(ctx, g)
}

func (h *hands) Stop(ctx context.Context, t slipway.TargetID, i slipway.InstanceID, f slipway.Fence) error {
	h.acts++
	return h.runtime.Stop(ctx, t, i, f)
}

func (h *hands) Forget(ctx context.Context, t slipway.TargetID, i slipway.InstanceID, f slipway.Fence) error {
	h.acts++
	return h.runtime.Forget(ctx, t, i, f)
}

func (h *hands) List(ctx context.Context) ([]slipway.GroupStatus, error) { return h.runtime.List(ctx) }

// steering counts the routes.
type steering struct{ *hands }

func (s steering) Apply(ctx context.Context, r slipway.Route) error {
	s.acts++
	return s.routes.Apply(ctx, r)
}

func (s steering) Observe(ctx context.Context, t slipway.TargetID) ([]slipway.RouteStatus, error) {
	return s.routes.Observe(ctx, t)
}

// An owner that is stopped between commit and act, and wakes up when another
// has taken over, does nothing.
func TestAStalledOwnerDoesNotAct(t *testing.T) {
	w := newWorld(t)
	a, b := w.controller("a"), w.controller("b")
	h := &hands{runtime: runtime{w}, routes: routes{w}}
	a.Driver, a.Traffic = h, steering{h}
	w.publish(manifest("web", slipway.Web))
	d := w.deploy(a, controller.Request{Service: "web", Release: 1})

	stalled := false
	a.Failpoint = func(string, slipway.TargetID, *slipway.Deployment) {
		if stalled {
			return
		}
		stalled = true
		h.acts = 0
		for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			if _, err := b.Step(t.Context(), web); err == nil {
				return // the lease has ended, and b has acted
			}
			if time.Now().After(end) {
				t.Error("nobody could take over")
				return
			}
		}
	}
	var err error
	for range 20 {
		if _, err = a.Step(t.Context(), web); stalled {
			break
		}
	}
	if slipway.CodeOf(err) != slipway.Stale || h.acts != 0 {
		t.Errorf("it woke up and did %d things: %v", h.acts, err)
	}
	if _, err := a.Step(t.Context(), web); slipway.CodeOf(err) != slipway.Conflict || h.acts != 0 {
		t.Errorf("it went on with %d things: %v", h.acts, err)
	}
	w.run(b)
	w.wait(d.ID, slipway.Succeeded)
}
