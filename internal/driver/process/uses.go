package process

import (
	"sync"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/cgroup"
	"github.com/slipway-cd/slipway/internal/procid"
)

const (
	measureEvery = time.Second // at the most, and only when somebody looks
	busySince    = time.Minute // what was measured longer ago is not what it does now
)

// gauge measures what the processes of one instance use.
type gauge struct {
	mu   sync.Mutex
	of   procid.ID // the child that it was measured of
	last slipway.Uses
}

// measure looks at the processes of i, unless somebody has just done so; nil when
// it has none, or that cannot be known here.
func (d *Driver) measure(i *instance) *slipway.Uses {
	d.mu.Lock()
	r, group := i.report, i.cgroup
	d.mu.Unlock()
	switch r.Phase {
	case slipway.InstanceStarting, slipway.InstanceReady, slipway.InstanceUnready, slipway.InstanceStopping:
	case slipway.InstanceBackoff, slipway.InstanceStopped:
		return nil
	}
	g := &i.gauge
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.last
	if g.of != r.Child {
		before = slipway.Uses{At: r.StartedAt}
	} else if time.Since(before.At) < measureEvery {
		return &before
	}
	cpu, memory, ok := d.consumed(r, group)
	if !ok {
		return nil
	}
	u := slipway.Uses{At: now(), CPU: max(cpu, before.CPU), Memory: memory, Room: room()}
	since := before
	if u.At.Sub(before.At) > busySince {
		since = slipway.Uses{At: r.StartedAt}
	}
	if passed := u.At.Sub(since.At); passed > 0 {
		u.Busy = float64(u.CPU-since.CPU) / float64(passed)
	}
	g.of, g.last = r.Child, u
	return &u
}

// consumed is what the living processes of an instance use: those in its control
// group, of which the kernel also knows what those used that have ended; else
// those in its process group and those below its shim.
func (d *Driver) consumed(r Report, group cgroup.Group) (cpu time.Duration, memory int64, ok bool) {
	members := group.Members()
	inGroup := len(members) > 0
	if !inGroup {
		members = family(r)
	}
	for pid := range members {
		c, m, err := spent(pid)
		if err != nil {
			continue // it ended just now
		}
		cpu, memory, ok = cpu+c, memory+m, true
	}
	if ran, err := group.Ran(); inGroup && err == nil {
		cpu = ran
	}
	return cpu, memory, ok
}

// family finds the processes of an instance that has no control group.
func family(r Report) map[int]bool {
	found := map[int]bool{}
	if !r.Child.Alive() {
		return found
	}
	all := procid.Table()
	for pid, p := range all {
		if !p.Ended && pid != r.Shim.PID && (p.Group == r.Child.PID || p.Below(r.Child.PID, all)) {
			found[pid] = true
		}
	}
	return found
}
