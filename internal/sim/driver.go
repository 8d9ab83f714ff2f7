package sim

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

// driver is the executor of one host: it runs instances, restarts what
// crashes, and refuses who comes too late.
type driver struct {
	w       *World
	highest map[slipway.TargetID]slipway.Fence
	groups  []*group
	count   int
}

type group struct {
	spec      slipway.GroupSpec
	instances []*instance
}

// instance is one process, or the memory of one.
type instance struct {
	slipway.InstanceStatus
	target   slipway.TargetID
	group    slipway.GroupID
	revision slipway.Revision
	temper   temper
	boots    int
	started  time.Time // in this boot
	readyAt  time.Time // when it will be ready, if it ever is
	dieAt    time.Time // when it will crash
	goneAt   time.Time // stopping: when it has stopped
}

func newDriver(w *World) *driver {
	return &driver{w: w, highest: map[slipway.TargetID]slipway.Fence{}}
}

// admit is the fence: whoever is older than the newest is refused.
func (d *driver) admit(t slipway.TargetID, f slipway.Fence) error {
	if f.Less(d.highest[t]) {
		return slipway.Errorf(slipway.Stale, "%s is at %s, %s comes too late", t, d.highest[t], f)
	}
	d.highest[t] = f
	return nil
}

func (d *driver) apply(spec slipway.GroupSpec) error {
	if err := d.admit(spec.Target, spec.Fence); err != nil {
		return err
	}
	g := d.group(spec.ID)
	if g == nil {
		g = &group{}
		d.groups = append(d.groups, g)
	}
	g.spec = copied(spec)
	running := 0
	for _, i := range g.instances {
		if i.running() {
			running++
		}
	}
	for ; running < spec.Replicas; running++ {
		d.spawn(g)
	}
	return nil
}

func (d *driver) spawn(g *group) {
	d.w.checkSpawn(g.spec)
	d.count++
	i := &instance{target: g.spec.Target, group: g.spec.ID, revision: g.spec.Revision, temper: d.w.temper(g.spec)}
	i.ID = slipway.InstanceID(fmt.Sprintf("i-%03d", d.count))
	if g.spec.Revision.Kind == slipway.Web {
		i.Addr = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), d.freePort())
	}
	g.instances = append(g.instances, i)
	d.boot(i)
	d.w.tell("     %s of %s (@%d, %s) starts", i.ID, g.spec.ID, g.spec.Revision.Release, i.temper)
}

// freePort gives the lowest free port, so that ports are used again as soon as
// they may be.
func (d *driver) freePort() uint16 {
	for port := uint16(40000); ; port++ {
		taken := func(i *instance) bool { return i.Addr.Port() == port }
		if !slices.ContainsFunc(d.groups, func(g *group) bool { return slices.ContainsFunc(g.instances, taken) }) {
			return port
		}
	}
}

func (d *driver) boot(i *instance) {
	i.boots++
	i.Boot = fmt.Sprintf("%s/%d", i.ID, i.boots)
	i.enter(slipway.InstanceStarting, d.w.now, "not ready: GET /readyz 503")
	i.started = d.w.now
	i.readyAt, i.dieAt = i.temper.fate(d.w)
}

func (d *driver) stop(t slipway.TargetID, id slipway.InstanceID, f slipway.Fence) error {
	if err := d.admit(t, f); err != nil {
		return err
	}
	i := d.instance(id)
	if i == nil || !i.running() {
		return nil
	}
	d.w.checkUnused(i, "stopped")
	d.w.stops[i.group]++
	i.enter(slipway.InstanceStopping, d.w.now, "")
	i.goneAt = d.w.now.Add(d.w.between(0, 2*time.Second))
	d.w.tell("     %s is asked to stop", i.ID)
	return nil
}

func (d *driver) forget(t slipway.TargetID, id slipway.InstanceID, f slipway.Fence) error {
	if err := d.admit(t, f); err != nil {
		return err
	}
	i := d.instance(id)
	if i == nil {
		return nil
	}
	if i.Phase != slipway.InstanceStopped {
		return slipway.Errorf(slipway.Conflict, "%s has not stopped", id)
	}
	d.w.checkUnused(i, "forgotten")
	g := d.group(i.group)
	g.instances = slices.DeleteFunc(g.instances, func(o *instance) bool { return o == i })
	d.w.tell("     %s is forgotten", i.ID)
	return nil
}

func (d *driver) list() []slipway.GroupStatus {
	var all []slipway.GroupStatus
	for _, g := range d.groups {
		s := slipway.GroupStatus{ID: g.spec.ID, Target: g.spec.Target, Revision: g.spec.Revision.ID, Fence: d.highest[g.spec.Target], Replicas: g.spec.Replicas}
		for _, i := range g.instances {
			s.Instances = append(s.Instances, i.InstanceStatus)
		}
		if s.Replicas > 0 || len(s.Instances) > 0 {
			all = append(all, s)
		}
	}
	return all
}

// glimpse is what there was of one instance at one time.
type glimpse struct {
	id     slipway.InstanceID
	target slipway.TargetID
	group  slipway.GroupID
	phase  slipway.InstancePhase
}

func (d *driver) glimpse() []glimpse {
	var all []glimpse
	for _, g := range d.groups {
		for _, i := range g.instances {
			all = append(all, glimpse{i.ID, i.target, i.group, i.Phase})
		}
	}
	return all
}

func (d *driver) group(id slipway.GroupID) *group {
	for _, g := range d.groups {
		if g.spec.ID == id {
			return g
		}
	}
	return nil
}

func (d *driver) instance(id slipway.InstanceID) *instance {
	for _, g := range d.groups {
		for _, i := range g.instances {
			if i.ID == id {
				return i
			}
		}
	}
	return nil
}

// live lets every instance do what it does by itself.
func (d *driver) live() {
	for _, g := range d.groups {
		for _, i := range g.instances {
			i.live(d)
		}
	}
}

func (i *instance) live(d *driver) {
	now := d.w.now
	switch i.Phase {
	case slipway.InstanceStarting, slipway.InstanceReady, slipway.InstanceUnready:
		switch {
		case !i.dieAt.IsZero() && !now.Before(i.dieAt):
			i.die(now)
		case i.Phase != slipway.InstanceReady && !i.readyAt.IsZero() && !now.Before(i.readyAt):
			i.enter(slipway.InstanceReady, now, "")
			i.EverReady = true
			i.ReadyIn = now.Sub(i.started)
		}
	case slipway.InstanceBackoff:
		if !now.Before(i.RetryAt) {
			d.boot(i)
		}
	case slipway.InstanceStopping:
		if !now.Before(i.goneAt) {
			i.enter(slipway.InstanceStopped, now, "")
		}
	case slipway.InstanceStopped:
	}
}

// die is a crash: it will be started again, later each time.
func (i *instance) die(now time.Time) {
	i.Restarts++
	i.enter(slipway.InstanceBackoff, now, "exit 1")
	i.RetryAt = now.Add(min(200*time.Millisecond<<min(i.Restarts, 6), 10*time.Second))
}

func (i *instance) enter(p slipway.InstancePhase, now time.Time, why string) {
	i.Phase, i.Since, i.Why = p, now, why
}

func (i *instance) running() bool {
	return i.Phase != slipway.InstanceStopping && i.Phase != slipway.InstanceStopped
}
