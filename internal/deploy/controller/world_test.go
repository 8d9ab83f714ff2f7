package controller_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/controller"
	"github.com/slipway-cd/slipway/internal/state/store"
	"github.com/slipway-cd/slipway/internal/state/wake"
)

// world is a real store and real hints around a runtime in memory, in which
// everything that is asked for happens a few milliseconds later.
type world struct {
	t     *testing.T
	store *store.Store
	hub   *wake.Hub

	mu     sync.Mutex
	groups []*slipway.GroupStatus
	route  map[slipway.TargetID]slipway.Route
	acked  map[slipway.TargetID]slipway.Fence
	count  int
	lists  int
	refuse map[int]error // by release: what Apply answers
	mute   map[int]bool  // by release: never ready
	slow   bool          // nobody who is asked to stop does
	leaks  slipway.GroupID
}

func newWorld(t *testing.T) *world {
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "slipway.db"))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, store: s, hub: wake.New(),
		route: map[slipway.TargetID]slipway.Route{}, acked: map[slipway.TargetID]slipway.Fence{},
		refuse: map[int]error{}, mute: map[int]bool{},
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// controller makes one that is not running yet.
func (w *world) controller(owner string) *controller.Controller {
	return &controller.Controller{
		Store: w.store, Driver: runtime{w}, Traffic: routes{w}, Waker: w.hub, Log: slog.New(slog.DiscardHandler),
		Owner: owner, Lease: 300 * time.Millisecond, PortFree: func(port int) bool { return port != 7101 },
	}
}

// run runs a controller until the test ends, or stop is called.
func (w *world) run(c *controller.Controller) (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		if err := c.Run(ctx); err != nil {
			w.t.Error(err)
		}
	})
	stop = func() { cancel(); done.Wait() }
	w.t.Cleanup(stop)
	return stop
}

// publish makes a release.
func (w *world) publish(m slipway.Manifest) slipway.Release {
	w.t.Helper()
	build := slipway.BuildID(fmt.Sprintf("build-%s-%d", m.Service, time.Now().UnixNano()))
	r, _, err := w.store.CreateRelease(w.t.Context(), slipway.Release{
		Service: m.Service, Repository: slipway.RepositoryName(m.Service), Manifest: m, Build: build, BuildSlug: string(m.Service) + "/1",
		Image: slipway.Digest(fmt.Sprintf("sha256:%064x", time.Now().UnixNano())),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) deploy(c *controller.Controller, r controller.Request) slipway.Deployment {
	w.t.Helper()
	r.Actor = mei
	if r.Environment == "" {
		r.Environment = "test"
	}
	d, err := c.Deploy(w.t.Context(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// wait waits until a deployment is in a phase.
func (w *world) wait(id slipway.DeploymentID, phase slipway.Phase) slipway.Deployment {
	w.t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		d, err := w.store.Deployment(w.t.Context(), id)
		if err != nil {
			w.t.Fatal(err)
		}
		if d.Phase == phase {
			return d
		}
		if d.Phase.Ended() || time.Now().After(end) {
			w.t.Fatalf("deployment %d is %s, not %s: %v", id, d.Phase, phase, d.Why)
		}
	}
}

// serving is which releases a target's route leads to, with their endpoints.
func (w *world) serving(t slipway.TargetID) map[int]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := map[int]int{}
	for _, s := range w.route[t].Shares {
		found[s.Release] = len(s.Endpoints)
	}
	return found
}

func (w *world) asked() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lists
}

// soon does something a little later, and hints at it.
func (w *world) soon(t slipway.TargetID, do func()) {
	time.AfterFunc(3*time.Millisecond, func() {
		w.mu.Lock()
		do()
		w.mu.Unlock()
		w.hub.Wake("target/" + t.String())
	})
}

type runtime struct{ *world }

func (r runtime) Apply(ctx context.Context, spec slipway.GroupSpec) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := r.refuse[spec.Revision.Release]; err != nil {
		return err
	}
	at := slices.IndexFunc(r.groups, func(g *slipway.GroupStatus) bool { return g.ID == spec.ID })
	if at < 0 {
		at = len(r.groups)
		r.groups = append(r.groups, &slipway.GroupStatus{ID: spec.ID, Target: spec.Target, Revision: spec.Revision.ID})
	}
	g := r.groups[at]
	g.Fence, g.Replicas = spec.Fence, spec.Replicas
	running := 0
	for _, i := range g.Instances {
		if i.Phase != slipway.InstanceStopping && i.Phase != slipway.InstanceStopped {
			running++
		}
	}
	for ; running < spec.Replicas; running++ {
		r.count++
		id := slipway.InstanceID(fmt.Sprintf("i-%d", r.count))
		g.Instances = append(g.Instances, slipway.InstanceStatus{
			ID: id, Boot: "1", Phase: slipway.InstanceStarting, Since: time.Now().UTC(), Why: "GET /readyz → 503",
			Addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(40000+r.count)),
		})
		if !r.mute[spec.Revision.Release] {
			r.soon(spec.Target, func() { r.enter(id, slipway.InstanceReady) })
		}
	}
	return nil
}

func (r runtime) Stop(ctx context.Context, t slipway.TargetID, id slipway.InstanceID, _ slipway.Fence) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.enter(id, slipway.InstanceStopping)
	if r.slow {
		return ctx.Err()
	}
	r.soon(t, func() { r.enter(id, slipway.InstanceStopped) })
	return ctx.Err()
}

func (r runtime) Forget(ctx context.Context, _ slipway.TargetID, id slipway.InstanceID, _ slipway.Fence) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range r.groups {
		g.Instances = slices.DeleteFunc(g.Instances, func(i slipway.InstanceStatus) bool { return i.ID == id })
	}
	return ctx.Err()
}

func (r runtime) List(ctx context.Context) ([]slipway.GroupStatus, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lists++
	var all []slipway.GroupStatus
	for _, g := range r.groups {
		c := *g
		c.Instances = slices.Clone(g.Instances)
		for n := range c.Instances {
			c.Instances[n].Uses = r.leaking(g.ID)
		}
		all = append(all, c)
	}
	return all, ctx.Err()
}

// leaking is what an instance uses of a group that leaks: each look is ten seconds
// after the one before.
func (w *world) leaking(g slipway.GroupID) *slipway.Uses {
	if g != w.leaks {
		return nil
	}
	at := time.Duration(w.lists) * 10 * time.Second
	return &slipway.Uses{At: time.Unix(0, 0).Add(at), Memory: 100_000 * int64(at.Seconds()), Room: 1_000_000}
}

func (r runtime) enter(id slipway.InstanceID, p slipway.InstancePhase) {
	for _, g := range r.groups {
		for n := range g.Instances {
			if i := &g.Instances[n]; i.ID == id && i.Phase != slipway.InstanceStopped {
				i.Phase, i.EverReady = p, i.EverReady || p == slipway.InstanceReady
				if p == slipway.InstanceReady {
					i.ReadyIn = time.Since(i.Since)
				}
				i.Since = time.Now().UTC()
			}
		}
	}
}

type routes struct{ *world }

func (r routes) Apply(ctx context.Context, route slipway.Route) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.route[route.Target] = route
	r.soon(route.Target, func() { r.acked[route.Target] = route.Fence })
	return ctx.Err()
}

func (r routes) Observe(ctx context.Context, t slipway.TargetID) ([]slipway.RouteStatus, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return []slipway.RouteStatus{{Router: "r1", Fence: r.acked[t]}}, ctx.Err()
}
