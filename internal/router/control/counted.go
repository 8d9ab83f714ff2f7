package control

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/router/wire"
)

// Bounds of what is kept of counts, per target.
const (
	wokenEvery   = 250 * time.Millisecond // whoever looks at them, at most
	countsKept   = 10 * time.Minute       // after they were told last
	mostCounters = 4096
)

// counters are what routers have counted at the instances of one target. A report
// tells what has changed: what a process said before stands until it says more, also
// after its end.
type counters struct {
	all   map[counter]told
	woken time.Time // who looks at them
	news  bool      // since then
}

// counter is one row of tallies that only grow.
type counter struct {
	router   slipway.RouterID
	boot     string
	fence    slipway.Fence
	group    slipway.GroupID
	instance slipway.InstanceID
	placebo  bool
}

func counterOf(of slipway.Counted) counter {
	return counter{of.Router, of.Boot, of.Fence, of.Group, of.Instance, of.Placebo}
}

// told is what was told last of a counter.
type told struct {
	slipway.Counted
	at time.Time
}

// Counted returns what routers have counted at the instances of t, by their newest
// reports: those of processes that have ended lately as well. Its maps are not to
// be changed.
func (c *Control) Counted(_ context.Context, t slipway.TargetID) []slipway.Counted {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.counters[t]
	if k == nil {
		return nil
	}
	k.forget(c.now())
	return k.sorted()
}

// Counting lists the targets of which something was counted lately.
func (c *Control) Counting(context.Context) []slipway.TargetID {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	var all []slipway.TargetID
	for t, k := range c.counters {
		if len(k.all) > 0 {
			k.forget(now)
		}
		if len(k.all) > 0 {
			all = append(all, t)
		}
	}
	return all
}

// count takes the counts out of a report, and returns whom to wake for them: those
// whose traffic is divided, of which every look counts.
func (c *Control) count(s wire.Status) (topics []string) {
	now := c.now()
	for n := range s.Targets {
		t := &s.Targets[n]
		k := c.counters[t.Target]
		if k == nil && len(t.Counted) == 0 {
			continue
		}
		if k == nil {
			k = &counters{all: map[counter]told{}}
			c.counters[t.Target] = k
		}
		for _, of := range t.Counted {
			of.Router, of.Boot = s.Router, s.Process.String() // whatever it says: nobody counts for another
			k.news = k.take(of, now) || k.news
		}
		t.Counted = nil
		if k.news && t.Divided && now.Sub(k.woken) >= wokenEvery {
			k.woken, k.news = now, false
			topics = append(topics, topic(t.Target))
		}
		k.forget(now)
	}
	return topics
}

// take reports whether of is news. Counts that are lower than known ones were late.
func (k *counters) take(of slipway.Counted, now time.Time) bool {
	key := counterOf(of)
	was, known := k.all[key]
	if known && (of.Requests < was.Requests || of.Late < was.Late) {
		return false
	}
	k.all[key] = told{of, now}
	return !known || of.Requests > was.Requests || of.Late > was.Late || len(of.Open) > 0 || len(was.Open) > 0
}

// forget drops what was not told for long, and what is of the oldest routes where
// there is too much.
func (k *counters) forget(now time.Time) {
	for key, of := range k.all {
		if now.Sub(of.at) > countsKept {
			delete(k.all, key)
		}
	}
	if len(k.all) <= mostCounters {
		return
	}
	all := k.sorted()
	for _, of := range all[:len(all)-mostCounters] {
		delete(k.all, counterOf(of))
	}
}

// sorted are all of k, those of the oldest routes first.
func (k *counters) sorted() []slipway.Counted {
	all := make([]slipway.Counted, 0, len(k.all))
	for _, of := range k.all {
		all = append(all, of.Counted)
	}
	slices.SortFunc(all, func(a, b slipway.Counted) int {
		return cmp.Or(
			cmp.Compare(a.Fence.Epoch, b.Fence.Epoch), cmp.Compare(a.Fence.Generation, b.Fence.Generation),
			strings.Compare(string(a.Group), string(b.Group)), strings.Compare(string(a.Instance), string(b.Instance)),
			strings.Compare(string(a.Router), string(b.Router)), strings.Compare(a.Boot, b.Boot), cmp.Compare(arm(a), arm(b)),
		)
	})
	return all
}

func arm(of slipway.Counted) int {
	if of.Placebo {
		return 1
	}
	return 0
}
