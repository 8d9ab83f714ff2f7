package controller

import (
	"context"
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

// Pauses between two looks at a target of which nothing is heard. Each look
// that finds nothing new doubles the pause.
const (
	firstPause   = 25 * time.Millisecond
	movingPause  = time.Second      // at most, while a deployment moves
	restingPause = 30 * time.Second // at most, while something is left to do at rest
	failedPause  = 5 * time.Second  // at most, after failures
)

// follow steps a target whenever there is a reason to, until ctx ends.
func (c *Controller) follow(ctx context.Context, t slipway.TargetID) {
	hints, stop := c.Waker.Listen(topic(t))
	defer stop()
	pause := firstPause
	for ctx.Err() == nil {
		step, err := c.Step(ctx, t)
		if err == nil && step.Changed {
			pause = firstPause
		}
		wait, ever := c.wait(step, err, pause)
		if err != nil && ctx.Err() == nil {
			c.Log.Debug("target has to be looked at again", "target", t.String(), "in", wait, "error", err)
		}
		if step.Held { // who plans for it hears the hints as well
			sleep(ctx, nil, wait, false)
			continue
		}
		if hinted := sleep(ctx, hints, wait, ever); hinted && err == nil {
			pause = firstPause
		} else {
			pause = min(2*pause, restingPause)
		}
	}
}

// wait is how long to wait for a hint after a step, if not for ever.
func (c *Controller) wait(s Step, err error, pause time.Duration) (wait time.Duration, ever bool) {
	switch {
	case s.Held:
		return c.lease() / 3, false // its owner may have died a moment ago
	case slipway.CodeOf(err) == slipway.Stale: // look at once, unless that goes on
		return min(pause-firstPause, failedPause), false
	case err != nil:
		return min(4*pause, failedPause), false
	case s.Again:
		return 0, false
	case s.Moving:
		wait = min(pause, movingPause)
	case s.Busy:
		wait = min(pause, restingPause)
	case s.Wake.IsZero():
		return 0, true
	default:
		wait = s.Wake.Sub(c.now())
	}
	if !s.Wake.IsZero() {
		wait = min(wait, s.Wake.Sub(c.now()))
	}
	return max(wait, 0), false
}

// sleep waits for a hint, for at most d unless ever, and reports whether there
// was one.
func sleep(ctx context.Context, hints <-chan struct{}, d time.Duration, ever bool) bool {
	var over <-chan time.Time
	if !ever {
		timer := time.NewTimer(d)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-hints:
		return true
	case <-over:
		return false
	}
}

// sweep finds what no hint told of: targets made and deployments asked for by
// other servers, and groups that are not as they were when last looked at.
func (c *Controller) sweep(ctx context.Context) error {
	targets, err := c.Store.TargetIDs(ctx)
	if err != nil {
		return err
	}
	open, err := c.Store.Deployments(ctx, slipway.DeploymentFilter{Open: true}, 1000)
	if err != nil {
		return err
	}
	groups, err := c.Driver.List(ctx)
	if err != nil {
		return err
	}
	moves := map[slipway.TargetID]bool{}
	for _, d := range open {
		moves[d.Target] = true
	}
	there := map[slipway.TargetID][]slipway.GroupStatus{}
	for _, g := range groups {
		there[g.Target] = append(there[g.Target], g)
	}
	for _, t := range targets {
		if moves[t] || c.surprises(t, there[t]) {
			c.notice(t)
		}
	}
	return c.cancelIdle(ctx)
}

// meet begins to follow the targets that other servers move, so that they are
// taken over soon when their server dies.
func (c *Controller) meet(ctx context.Context) error {
	open, err := c.Store.Deployments(ctx, slipway.DeploymentFilter{Open: true}, 1000)
	if err != nil {
		return err
	}
	for _, d := range open {
		c.mu.Lock()
		known := c.tracked[d.Target]
		c.mu.Unlock()
		if !known {
			c.notice(d.Target)
		}
	}
	return nil
}

// surprises reports whether a target was never looked at, or has changed since.
func (c *Controller) surprises(t slipway.TargetID, groups []slipway.GroupStatus) bool {
	now := fingerprint(groups)
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.minds[t]
	return m == nil || m.seen != now
}

// nudge hints at the targets whose gates wait for t.
func (c *Controller) nudge(t slipway.TargetID) {
	c.mu.Lock()
	var waiting []slipway.TargetID
	for id, m := range c.minds {
		if slices.Contains(m.awaits, t) {
			waiting = append(waiting, id)
		}
	}
	c.mu.Unlock()
	for _, id := range waiting {
		c.Waker.Wake(topic(id))
	}
}

// of picks the groups of one target.
func of(groups []slipway.GroupStatus, t slipway.TargetID) []slipway.GroupStatus {
	var own []slipway.GroupStatus
	for _, g := range groups {
		if g.Target == t {
			own = append(own, g)
		}
	}
	return own
}
