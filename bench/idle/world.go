package idle

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/controller"
	"github.com/slipway-cd/slipway/internal/driver/drivertest"
	"github.com/slipway-cd/slipway/internal/state/store"
	"github.com/slipway-cd/slipway/internal/state/wake"
)

const (
	image  slipway.Digest          = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	env    slipway.EnvironmentName = "test"
	moment                         = 5 * time.Millisecond // that the driver takes for everything
)

var bench = slipway.Actor{Kind: slipway.ActorUser, Name: "bench"}

// router is one that has every route as soon as it is stored.
type router struct {
	store *store.Store

	mu  sync.Mutex
	has map[slipway.TargetID]slipway.Fence
}

// Apply implements controller.Traffic.
func (r *router) Apply(ctx context.Context, route slipway.Route) error {
	if _, err := r.store.SaveRoute(ctx, route); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.has[route.Target] = route.Fence
	return nil
}

// Observe implements controller.Traffic.
func (r *router) Observe(_ context.Context, t slipway.TargetID) ([]slipway.RouteStatus, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return []slipway.RouteStatus{{Router: "bench", Fence: r.has[t]}}, nil
}

// world is a server with services of which each has one instance.
type world struct {
	dir        string
	store      *store.Store
	hub        *wake.Hub
	controller *controller.Controller
	stop       func()
	published  int
}

// open makes a server and brings up its services.
func open(ctx context.Context, services int) (*world, error) {
	dir, err := os.MkdirTemp("", "slipway-idle-")
	if err != nil {
		return nil, err
	}
	w := &world{dir: dir, hub: wake.New(), stop: func() {}}
	if w.store, err = store.Open(ctx, "sqlite:"+filepath.Join(dir, "slipway.db")); err != nil {
		return nil, err
	}
	w.store.OnEvents = func(events []slipway.Event) {
		for _, e := range events {
			w.hub.Wake("target/" + e.Target.String())
		}
	}
	log := slog.New(slog.DiscardHandler)
	driver := drivertest.NewFake(image, moment)
	w.controller = &controller.Controller{
		Store: w.store, Driver: driver, Traffic: &router{store: w.store, has: map[slipway.TargetID]slipway.Fence{}}, Waker: w.hub, Log: log,
		Owner: "bench", PortFree: func(int) bool { return true }, FirstPort: 10000,
	}
	running, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() { _ = w.controller.Run(running) })
	done.Go(func() {
		_ = driver.Watch(running, func(t slipway.TargetID) { w.hub.Wake("target/" + t.String()) })
	})
	w.stop = func() { cancel(); done.Wait() }
	for i := range services {
		if err := w.bringUp(ctx, name(i)); err != nil {
			w.close()
			return nil, err
		}
	}
	return w, nil
}

func (w *world) close() {
	w.stop()
	_ = w.store.Close()
	_ = os.RemoveAll(w.dir)
}

func name(i int) slipway.ServiceName { return slipway.ServiceName(fmt.Sprintf("service-%d", i)) }

// bringUp deploys a service for the first time, and does not wait for its end.
func (w *world) bringUp(ctx context.Context, s slipway.ServiceName) error {
	_, err := w.ask(ctx, s)
	return err
}

func (w *world) ask(ctx context.Context, s slipway.ServiceName) (slipway.Deployment, error) {
	w.published++
	r, _, err := w.store.CreateRelease(ctx, slipway.Release{
		Service: s, Repository: "bench", Image: image, Build: slipway.BuildID(fmt.Sprint(w.published)), Actor: bench, CreatedAt: time.Now().UTC(),
		Manifest: slipway.Manifest{
			Service: s, Kind: slipway.Web, Run: slipway.Run{Port: 8000, Env: map[string]string{drivertest.Behave: drivertest.Healthy}}, Health: slipway.Health{Deadline: time.Minute},
			Environments: map[slipway.EnvironmentName]slipway.Placement{env: {Replicas: 1, Rollout: slipway.Rollout{Strategy: slipway.Rolling}}},
		},
	})
	if err != nil {
		return slipway.Deployment{}, err
	}
	return w.controller.Deploy(ctx, controller.Request{Service: s, Environment: env, Release: r.Number, Actor: bench})
}

// deploy moves the first service to a new release, and is how long that took.
func (w *world) deploy(ctx context.Context) (time.Duration, error) {
	hints, stop := w.hub.Listen("target/" + (slipway.TargetID{Service: name(0), Environment: env}).String())
	defer stop()
	start := time.Now()
	d, err := w.ask(ctx, name(0))
	for err == nil && !d.Phase.Ended() {
		select {
		case <-hints:
		case <-time.After(100 * time.Millisecond):
		}
		d, err = w.store.Deployment(ctx, d.ID)
	}
	if err == nil && d.Phase != slipway.Succeeded {
		err = fmt.Errorf("deployment %d %s", d.ID, d.Phase)
	}
	return time.Since(start), err
}

// settled waits until no deployment is open.
func (w *world) settled(ctx context.Context) error {
	for {
		open, err := w.store.Deployments(ctx, slipway.DeploymentFilter{Open: true}, 1)
		if err != nil || len(open) == 0 {
			return err
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// idle measures what this process uses while nothing happens, in percent of a
// core.
func idle(ctx context.Context, d time.Duration) (percent, seconds float64, err error) {
	time.Sleep(2 * time.Second) // what was under way comes to its end
	before, start := used(), time.Now()
	select {
	case <-ctx.Done():
		return 0, 0, ctx.Err()
	case <-time.After(d):
	}
	took := time.Since(start)
	return 100 * (used() - before).Seconds() / took.Seconds(), took.Seconds(), nil
}

func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
