// Package control is the server's side of routing: it stores routes, hands
// routers their tables, and knows from their reports which of them still sends
// requests where.
//
//	Apply ─► Store ─► "routes" ─► poll answered ─► table in effect ─► report ─► "target/…" ─► Observe
//
// A router is registered by its first report, gets no table before, and counts
// from then on: what it has not said, it may still be doing. It stops to count
// when its process is proven dead or a person forgets it. While it is upgraded it
// is several processes, which count together: an instance has drained when it has
// at all of them.
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

// Store keeps routes and the register of routers, and knows which environments
// there are.
type Store interface {
	Epoch() uint64
	SaveRoute(ctx context.Context, r slipway.Route) (version uint64, err error)
	Routes(ctx context.Context) (version uint64, routes []slipway.Route, err error)
	SaveRouter(ctx context.Context, r slipway.Router) error
	Routers(ctx context.Context) ([]slipway.Router, error)
	ForgetRouter(ctx context.Context, id slipway.RouterID) error
	Environments(ctx context.Context) (slipway.Environments, error)
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
	// Others are the URLs of the other servers that run: routers speak to them as
	// well. Nil: there are none. Set before the handler serves.
	Others func() []string

	store Store
	waker Waker
	auth  Authenticator
	now   func() time.Time
	log   *slog.Logger

	began time.Time // when this server did
	blank bool      // nobody was registered then

	mu      sync.Mutex
	version uint64 // of the newest table that pollers were woken for
	heard   map[slipway.RouterID]*heard
	past    map[slipway.TargetID]Counts // of router processes that are no more

	counters map[slipway.TargetID]*counters
}

// New makes the server's side. now is its clock. A nil logger logs nothing.
func New(s Store, w Waker, a Authenticator, now func() time.Time, log *slog.Logger) *Control {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Control{
		store: s, waker: w, auth: a, now: now, log: log, began: now(),
		heard: map[slipway.RouterID]*heard{},
		past:  map[slipway.TargetID]Counts{},

		counters: map[slipway.TargetID]*counters{},
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

// settling is how long after this server began a router whose process has ended
// counts all the same: whatever ended both may have started both again, and a
// router serves by its last table from the moment it is there, a moment before it
// is heard.
const settling = 2 * time.Second

// patience is how long a router may be silent before it is doubted; it speaks
// every second.
const patience = 3 * time.Second
