package process

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
)

// List waits until every instance has been heard from since this driver
// started, and is Unavailable when one is not for too long. Run must run.
func (d *Driver) List(ctx context.Context) ([]slipway.GroupStatus, error) {
	return d.list(ctx, d.sorted())
}

// Observe implements [driver.Observer]. It waits as List does, for the
// instances of t, and looks at what they have said and use.
func (d *Driver) Observe(ctx context.Context, t slipway.TargetID) ([]slipway.GroupStatus, error) {
	instances := d.pick(func(o slipway.TargetID) bool { return o == t })
	groups, err := d.list(ctx, instances)
	for _, g := range groups {
		for n := range g.Instances {
			g.Instances[n].Said, g.Instances[n].Uses = instances[n].said.look(instances[n].dir), d.measure(instances[n])
		}
		instances = instances[len(g.Instances):]
	}
	return groups, err
}

func (d *Driver) list(ctx context.Context, instances []*instance) ([]slipway.GroupStatus, error) {
	late := time.NewTimer(2 * d.patience)
	defer late.Stop()
	var groups []slipway.GroupStatus
	for _, i := range instances {
		select {
		case <-i.heard:
		case <-ctx.Done():
			return nil, slipway.Errorf(slipway.Unavailable, "%s of %s has not been heard from: %w", i.spec.ID, i.spec.Target, ctx.Err())
		case <-late.C:
			return nil, slipway.Errorf(slipway.Unavailable, "%s of %s has not been heard from", i.spec.ID, i.spec.Target)
		}
		s := i.spec
		if n := len(groups); n == 0 || groups[n-1].Target != s.Target || groups[n-1].ID != s.Group {
			r, err := d.ledger.look(s.Target)
			if err != nil {
				return nil, err
			}
			groups = append(groups, slipway.GroupStatus{ID: s.Group, Target: s.Target, Revision: s.Revision, Fence: r.Fence, Replicas: r.Groups[s.Group]})
		}
		last := &groups[len(groups)-1]
		last.Instances = append(last.Instances, d.status(i))
	}
	return groups, nil
}

// sorted is every instance, by target, group and age.
func (d *Driver) sorted() []*instance {
	return d.pick(func(slipway.TargetID) bool { return true })
}

// pick is every instance of the targets that are of interest, by target, group
// and age.
func (d *Driver) pick(of func(slipway.TargetID) bool) []*instance {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []*instance
	for _, i := range d.instances {
		if of(i.spec.Target) {
			all = append(all, i)
		}
	}
	slices.SortFunc(all, func(a, b *instance) int {
		return cmp.Or(
			strings.Compare(a.spec.Target.String(), b.spec.Target.String()),
			strings.Compare(string(a.spec.Group), string(b.spec.Group)),
			a.spec.CreatedAt.Compare(b.spec.CreatedAt),
			strings.Compare(string(a.spec.ID), string(b.spec.ID)))
	})
	return all
}

func (d *Driver) status(i *instance) slipway.InstanceStatus {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := i.report
	s := slipway.InstanceStatus{
		ID: i.spec.ID, Boot: r.Child.String(), Addr: i.spec.Addr(), Phase: r.Phase, EverReady: r.EverReady,
		Active: i.spec.Active, Since: r.Since, ReadyIn: r.ReadyIn, RetryAt: r.RetryAt, Restarts: r.Restarts, Why: r.Why,
	}
	if i.spec.Passive {
		s.Active = r.Active
	}
	if !i.ordered.IsZero() && s.Phase != slipway.InstanceStopping && s.Phase != slipway.InstanceStopped {
		s.Phase, s.Since = slipway.InstanceStopping, i.ordered
	}
	var why []string
	for _, w := range []string{s.Why, i.trouble, i.moved()} {
		if w != "" {
			why = append(why, w)
		}
	}
	s.Why = strings.Join(why, "; ")
	return s
}

// moved says where an instance was started, when that is not where its
// directory is now.
func (i *instance) moved() string {
	if i.report.Dir == "" || i.report.Dir == i.dir || i.report.Phase == slipway.InstanceStopped {
		return ""
	}
	return "the data directory was moved: HOME and TMPDIR are still in " + i.report.Dir + " until it restarts"
}
