package controller

import (
	"encoding/json"
	"hash/fnv"
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

// mind is what this process knows of a target beyond what is committed. Losing
// it costs a question or a repeated act, nothing else.
type mind struct {
	leased   time.Time                           // when the lease was last asked for
	troubles map[slipway.GroupID]slipway.Trouble // what the driver refused
	acted    slipway.Fence                       // of the commit whose acts we told of
	seen     uint64                              // fingerprint of what the driver had
	awaits   []slipway.TargetID                  // whose release a gate waits for
	again    time.Time                           // when a gate may say something else
	trial    *trial                              // of the candidate that is judged; nil: nobody is
	asking   asking                              // it outlives a trial: who hangs is not asked again
}

// mind returns what is known of a target; only its loop uses the result, but
// for the fields that sweep and nudge read under the lock.
func (c *Controller) mind(t slipway.TargetID) *mind {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.minds[t]
	if m == nil {
		if c.minds == nil {
			c.minds = map[slipway.TargetID]*mind{}
		}
		m = &mind{troubles: map[slipway.GroupID]slipway.Trouble{}}
		c.minds[t] = m
	}
	return m
}

func (c *Controller) remember(m *mind, groups []slipway.GroupStatus, awaits []slipway.TargetID) {
	seen := fingerprint(groups)
	c.mu.Lock()
	defer c.mu.Unlock()
	m.seen, m.awaits = seen, awaits
}

// fingerprint tells two observations apart. What instances say and use is always
// something else, and changes no plan by itself.
func fingerprint(groups []slipway.GroupStatus) uint64 {
	h := fnv.New64a()
	all := json.NewEncoder(h)
	for _, g := range groups {
		g.Instances = slices.Clone(g.Instances)
		for n := range g.Instances {
			g.Instances[n].Said, g.Instances[n].Uses = nil, nil
		}
		_ = all.Encode(g) // a hash takes everything
	}
	return h.Sum64()
}
