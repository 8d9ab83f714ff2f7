// Package control is the server's side of routing: it stores routes, hands
// routers their tables, and knows from their reports which of them still sends
// requests where.
//
//	Apply ─► Store ─► "routes" ─► poll answered ─► table in effect ─► report ─► "target/…" ─► Observe
//
// A router is registered by its first report and counts from then on: what it
// has not said, it may still be doing. It stops to count when its process is
// proven dead or a person forgets it.
package control

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/router/wire"
)

// Store keeps routes and the register of routers.
type Store interface {
	Epoch() uint64
	SaveRoute(ctx context.Context, r slipway.Route) (version uint64, err error)
	Routes(ctx context.Context) (version uint64, routes []slipway.Route, err error)
	SaveRouter(ctx context.Context, r slipway.Router) error
	Routers(ctx context.Context) ([]slipway.Router, error)
	ForgetRouter(ctx context.Context, id slipway.RouterID) error
}

// Waker passes hints that something changed.
type Waker interface {
	Wake(topic string)
	Listen(topic string) (c <-chan struct{}, stop func())
}

// Authenticator says who bears a token.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (slipway.Principal, error)
}

// Control is the server's side of all routers. It implements what a controller
// needs of traffic.
type Control struct {
	store Store
	waker Waker
	auth  Authenticator
	now   func() time.Time
	log   *slog.Logger

	mu      sync.Mutex
	version uint64 // of the newest table that pollers were woken for
	heard   map[slipway.RouterID]*heard
	past    map[slipway.TargetID]Counts // of router processes that are no more
}

// heard is what a router process said since this server started.
type heard struct {
	router  slipway.Router
	saved   time.Time // when it was last written to the register
	status  wire.Status
	targets map[slipway.TargetID]wire.Target
	rates   map[slipway.TargetID]*rate
}

// New makes the server's side. now is its clock. A nil logger logs nothing.
func New(s Store, w Waker, a Authenticator, now func() time.Time, log *slog.Logger) *Control {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Control{
		store: s, waker: w, auth: a, now: now, log: log,
		heard: map[slipway.RouterID]*heard{},
		past:  map[slipway.TargetID]Counts{},
	}
}

// Handler serves the paths below /router/v1/.
func (c *Control) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+wire.TablePath, c.authenticated(c.table))
	mux.Handle("POST "+wire.StatusPath, c.authenticated(c.status))
	return mux
}

// Apply stores a route and wakes the routers that wait for one. It returns a
// Stale error when its fence is lower than that of the stored route.
func (c *Control) Apply(ctx context.Context, r slipway.Route) error {
	version, err := c.store.SaveRoute(ctx, r)
	if err != nil {
		return err
	}
	c.mu.Lock()
	news := version != c.version
	c.version = version
	c.mu.Unlock()
	if news {
		c.waker.Wake("routes")
	}
	return nil
}

// Observe returns what each registered router says of t, but for those that are
// proven dead. A router that was not heard since this server started has the
// zero Fence: it may do anything that any table ever told it.
func (c *Control) Observe(ctx context.Context, t slipway.TargetID) ([]slipway.RouteStatus, error) {
	routers, err := c.store.Routers(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]slipway.RouteStatus, 0, len(routers))
	for _, r := range routers {
		if s, counts := c.observe(r, t); counts {
			all = append(all, s)
		}
	}
	return all, nil
}

func (c *Control) observe(r slipway.Router, t slipway.TargetID) (slipway.RouteStatus, bool) {
	c.mu.Lock()
	h := c.heard[r.ID]
	var said wire.Target
	var perSecond float64
	if h != nil {
		r, said = h.router, h.targets[t]
		perSecond = h.rates[t].now(c.now().Sub(r.SeenAt))
	}
	c.mu.Unlock()
	if wire.ProcessOf(r).Ended() {
		return slipway.RouteStatus{}, false
	}
	silence := c.now().Sub(r.SeenAt)
	s := slipway.RouteStatus{
		Router: r.ID, Fence: said.Fence, InFlight: map[slipway.InstanceID]int{},
		Requests: said.Requests, Errors: said.Errors, Rate: perSecond, Why: said.Why,
	}
	for i, n := range said.InFlight {
		s.InFlight[i] += n
	}
	for i, n := range said.Draining {
		s.InFlight[i] += n
	}
	switch {
	case h == nil:
		s.Why = "router " + string(r.ID) + " has not been heard since the server started"
	case silence > patience:
		s.Why = "router " + string(r.ID) + " has been silent for " + silence.Round(time.Second).String()
	}
	return s, true
}

// Forget takes a router out of the register, because a person is certain that
// it is gone. One that speaks again is registered again.
func (c *Control) Forget(ctx context.Context, id slipway.RouterID) error {
	if err := c.store.ForgetRouter(ctx, id); err != nil {
		return err
	}
	c.mu.Lock()
	var topics []string
	if h := c.heard[id]; h != nil {
		c.bury(h)
		delete(c.heard, id)
		topics = h.topics()
	}
	c.mu.Unlock()
	for _, t := range topics {
		c.waker.Wake(t)
	}
	return nil
}

// patience is how long a router may be silent before it is doubted; it speaks
// every second.
const patience = 3 * time.Second
