package router

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slipway-cd/slipway"
)

// meter counts what one release of a target answers. A preview has none: what is
// asked there is no traffic.
type meter struct {
	target  slipway.TargetID
	release int
	named   time.Time // when a table named it last

	codes   [6]atomic.Uint64 // by the class of the status; the first: no answer came
	buckets [len(buckets)]atomic.Uint64
	slower  atomic.Uint64
	nanos   atomic.Uint64 // of all together
}

// buckets are the upper bounds that latencies are counted by, in seconds.
var buckets = [...]float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}

// observe counts one answer.
func (m *meter) observe(status int, took time.Duration) {
	class := status / 100
	if class < 0 || class >= len(m.codes) {
		class = 0
	}
	m.codes[class].Add(1)
	m.nanos.Add(uint64(max(took, 0)))
	for i, most := range buckets {
		if took.Seconds() <= most {
			m.buckets[i].Add(1)
			return
		}
	}
	m.slower.Add(1)
}

// meters are those of all releases that a table names, and of those that one
// named lately, so that their last counts are read.
type meters struct {
	mu  sync.Mutex
	all map[meterKey]*meter
}

type meterKey struct {
	target  slipway.TargetID
	release int
}

// keptFor is how long a meter is kept after the last table that names it: some
// rounds of whoever reads them.
const keptFor = 10 * time.Minute

func (ms *meters) of(t slipway.TargetID, release int) *meter {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	key := meterKey{t, release}
	m := ms.all[key]
	if m == nil {
		m = &meter{target: t, release: release}
		if ms.all == nil {
			ms.all = map[meterKey]*meter{}
		}
		ms.all[key] = m
	}
	m.named = time.Now()
	return m
}

// tidy forgets what no table has named for long.
func (ms *meters) tidy(live *table, now time.Time) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	for id, r := range live.routes {
		for _, g := range r.every {
			if m := ms.all[meterKey{id, g.release}]; m != nil {
				m.named = now
			}
		}
	}
	for key, m := range ms.all {
		if now.Sub(m.named) > keptFor {
			delete(ms.all, key)
		}
	}
}

func (ms *meters) list() []*meter {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	return slices.Collect(maps.Values(ms.all))
}

// group is the one of r that is called id; nil: it has none.
func (r *route) group(id slipway.GroupID) *group {
	for i := range r.every {
		if r.every[i].id == id {
			return &r.every[i]
		}
	}
	return nil
}
