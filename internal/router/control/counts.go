package control

import (
	"time"

	"github.com/slipway-cd/slipway"
)

// Counts is the traffic of a target, over all routers, as far back as this
// server knows.
type Counts struct {
	Requests  uint64
	Errors    uint64
	PerSecond float64 // requests, lately
}

// Counts returns the traffic of t.
func (c *Control) Counts(t slipway.TargetID) Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum := c.past[t]
	for _, h := range c.heard {
		for _, s := range h.all() {
			said := s.targets[t]
			sum.Requests += said.Requests
			sum.Errors += said.Errors
			sum.PerSecond += s.rates[t].now(c.now().Sub(s.router.SeenAt))
		}
	}
	return sum
}

// bury keeps the counts of a router process that was replaced.
func (c *Control) bury(s *speaker) {
	for id, said := range s.targets {
		sum := c.past[id]
		sum.Requests += said.Requests
		sum.Errors += said.Errors
		c.past[id] = sum
	}
}

// rate measures requests per second over windows of about a second.
type rate struct {
	requests  uint64
	at        time.Time
	perSecond float64
}

const window = 900 * time.Millisecond

func (r *rate) observe(requests uint64, now time.Time) {
	passed := now.Sub(r.at)
	switch {
	case r.at.IsZero():
	case passed < window:
		return
	default:
		r.perSecond = float64(requests-r.requests) / passed.Seconds()
	}
	r.requests, r.at = requests, now
}

// now is what the rate is after the router has been silent for a while: nobody
// knows, when that is long.
func (r *rate) now(silence time.Duration) float64 {
	if r == nil || silence > patience {
		return 0
	}
	return r.perSecond
}
