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

func newDriver(w *World) *driver {
	return &driver{w: w, highest: map[slipway.TargetID]slipway.Fence{}}
}

// admit is the fence: whoever is older than the newest is refused.
func (d *driver) admit(t slipway.TargetID, f slipway.Fence) error {
	if f.Less(d.highest[t]) && !d.w.options.Unfenced {
		return slipway.Errorf(slipway.Stale, "%s is at %s, %s comes too late", t, d.highest[t], f)
	}
	if d.highest[t].Less(f) {
		d.highest[t] = f
	}
	return nil
}

func (d *driver) apply(spec slipway.GroupSpec) error {
	if err := d.admit(spec.Target, spec.Fence); err != nil {
		return err
	}
	if temperOf(spec.Revision) == refused {
		d.w.saw("state", "refused by the driver")
		return slipway.Errorf(slipway.Invalid, "the image of %s cannot be run", spec.ID)
	}
	g := d.group(spec.ID)
	if g == nil {
		g = &group{}
		d.groups = append(d.groups, g)
	}
	g.spec = spec
	running := 0
	for _, i := range g.instances {
		if i.running() {
			running++
			i.activate(spec)
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
	i := &instance{target: g.spec.Target, group: g.spec.ID, revision: g.spec.Revision, temper: temperOf(g.spec.Revision)}
	i.Active = g.spec.Active || !g.spec.Revision.Run.Passive
	if f, bad := fatal[i.temper]; bad {
		d.w.saw("fault", f)
	}
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
	d.w.truth.stops[i.group]++
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
