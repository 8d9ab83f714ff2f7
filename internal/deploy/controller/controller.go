package controller

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/rollout"
)

// DefaultLease is how long nobody else plans for a target after its owner was
// heard last.
const DefaultLease = 3 * time.Second

// sweepEvery is how often everything is looked at whether or not there was a
// hint. A sweep costs three questions, however many targets there are.
const sweepEvery = 30 * time.Second

// Planner decides about one target.
type Planner func(slipway.State, time.Time) slipway.Decision

// Controller plans for targets and does what the plans say. Its fields are set
// before it is used; only those from Clock on have a default.
type Controller struct {
	Store   Store
	Driver  Driver
	Traffic Traffic
	Waker   Waker
	Tasks   Tasks // nil: nobody runs tests before traffic
	Log     *slog.Logger

	// Owner names this process in leases. No other process has it, or ever had.
	Owner string

	// PortFree reports whether a route may listen on a port of this machine.
	PortFree func(port int) bool

	FirstPort int // DefaultFirstPort: of routes

	// Gatekeeper knows declared environments, locks and approvals. Nil: the
	// builtin environments, and no gates but what a release needs.
	Gatekeeper Gatekeeper

	Settings Settings // nil: nothing is set

	// Witness and Archive are what evidence comes from and where it is kept. Nil:
	// nobody looks, and what waits for evidence waits for a person.
	Witness Witness
	Archive Archive
	Asker   Asker // nil: nobody is asked, and who was to be asked holds the candidate

	Clock Clock         // WallClock
	Lease time.Duration // DefaultLease
	Plan  Planner       // rollout.Plan

	// Failpoint is called between commit and act, as "controller.committed"
	// with the deployment that moves, if one does; not when there is nothing to
	// act on. A test may end the process there.
	Failpoint func(name string, t slipway.TargetID, d *slipway.Deployment)

	asks sync.WaitGroup // of others, under way

	mu      sync.Mutex
	minds   map[slipway.TargetID]*mind
	tracked map[slipway.TargetID]bool
	track   func(slipway.TargetID) // starts a loop; nil unless running
}

// Run plans for all targets until ctx ends, and returns when nothing of it runs
// any more.
func (c *Controller) Run(ctx context.Context) error {
	var loops sync.WaitGroup
	defer func() { loops.Wait(); c.asks.Wait() }()
	c.start(func(t slipway.TargetID) {
		loops.Go(func() { c.follow(ctx, t) })
	})
	defer c.start(nil)
	elsewhere, stop := c.Waker.Listen("peers/events") // of other servers
	defer stop()
	for {
		pause := sweepEvery
		if err := c.sweep(ctx); err != nil && ctx.Err() == nil {
			c.Log.Warn("cannot look at all targets", "error", err)
			pause = failedPause
		}
		for end := time.Now().Add(pause); sleep(ctx, elsewhere, time.Until(end), false); {
			if err := c.meet(ctx); err != nil && ctx.Err() == nil {
				c.Log.Warn("cannot look at what other servers do", "error", err)
			}
			sleep(ctx, nil, c.lease(), false)
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

func (c *Controller) start(track func(slipway.TargetID)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.track, c.tracked = track, map[slipway.TargetID]bool{}
}

// notice makes sure that a target has its loop, and hints at it.
func (c *Controller) notice(t slipway.TargetID) {
	c.mu.Lock()
	if c.track != nil && !c.tracked[t] {
		c.tracked[t] = true
		c.track(t)
	}
	c.mu.Unlock()
	c.Waker.Wake(topic(t))
}

func (c *Controller) now() time.Time {
	if c.Clock == nil {
		return WallClock{}.Now()
	}
	return c.Clock.Now()
}

func (c *Controller) plan(s slipway.State) slipway.Decision {
	if c.Plan == nil {
		return rollout.Plan(s, c.now())
	}
	return c.Plan(s, c.now())
}

func (c *Controller) lease() time.Duration {
	if c.Lease == 0 {
		return DefaultLease
	}
	return c.Lease
}
