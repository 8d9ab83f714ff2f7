package sim

import (
	"context"
	"time"

	"github.com/slipway-cd/slipway"
)

// A door is how one server reaches something outside. Every call goes through
// server.call, where it may get lost.

type storeDoor struct {
	*store
	s *server
}

func (d storeDoor) Acquire(ctx context.Context, t slipway.TargetID, owner string, ttl time.Duration) (f slipway.Fence, err error) {
	err = d.s.ask("acquire", func() (err error) {
		f, err = d.store.Acquire(ctx, t, owner, ttl)
		return err
	})
	return f, err
}

func (d storeDoor) LoadState(ctx context.Context, t slipway.TargetID) (st slipway.State, err error) {
	err = d.s.ask("load", func() (err error) {
		st, err = d.store.LoadState(ctx, t)
		return err
	})
	return st, err
}

func (d storeDoor) CommitState(ctx context.Context, owner string, from slipway.Fence, next slipway.State, events ...slipway.Event) (f slipway.Fence, err error) {
	err = d.s.ask("commit", func() (err error) {
		before, _ := d.store.LoadState(ctx, next.Target.ID)
		f, err = d.store.CommitState(ctx, owner, from, next, events...)
		if err == nil {
			d.s.checkCommit(before, next, f)
		}
		return err
	})
	return f, err
}

func (d storeDoor) AppendEvents(ctx context.Context, events ...slipway.Event) error {
	return d.s.ask("append", func() error { return d.store.AppendEvents(ctx, events...) })
}

func (d storeDoor) CreateDeployment(ctx context.Context, dep slipway.Deployment, r slipway.Revision, want int, events ...slipway.Event) (stored slipway.Deployment, created bool, err error) {
	err = d.s.ask("create", func() (err error) {
		stored, created, err = d.store.CreateDeployment(ctx, dep, r, want, events...)
		return err
	})
	return stored, created, err
}

type driverDoor struct {
	*driver
	s *server
}

func (d driverDoor) Apply(_ context.Context, g slipway.GroupSpec) error {
	do := func() error { return d.apply(g) }
	announced := g.Fence.Epoch > d.highest[g.Target].Epoch
	if announced {
		d.s.w.saw("state", "announced")
	}
	d.s.repeat(do)
	return d.s.call("apply "+string(g.ID), func() error {
		d.s.checkApply(g, announced)
		return do()
	})
}

func (d driverDoor) Stop(_ context.Context, t slipway.TargetID, i slipway.InstanceID, f slipway.Fence) error {
	do := func() error { return d.stop(t, i, f) }
	d.s.repeat(do)
	return d.s.call("stop "+string(i), func() error {
		d.s.checkStop(t, i, f)
		return do()
	})
}

func (d driverDoor) Forget(_ context.Context, t slipway.TargetID, i slipway.InstanceID, f slipway.Fence) error {
	do := func() error { return d.forget(t, i, f) }
	d.s.repeat(do)
	return d.s.call("forget "+string(i), do)
}

func (d driverDoor) List(context.Context) (groups []slipway.GroupStatus, err error) {
	err = d.s.call("list", func() error {
		groups = d.list()
		d.s.seen = d.glimpse()
		return nil
	})
	return groups, err
}

type trafficDoor struct{ s *server }

func (d trafficDoor) Apply(_ context.Context, r slipway.Route) error {
	do := func() error { return d.s.w.save(r) }
	d.s.repeat(do)
	return d.s.call("route "+r.Fence.String(), func() error {
		d.s.checkRoute(r)
		return do()
	})
}

func (d trafficDoor) Observe(_ context.Context, t slipway.TargetID) (found []slipway.RouteStatus, err error) {
	err = d.s.call("observe", func() error {
		d.s.spoke = nil
		for _, r := range d.s.w.routers {
			if r.registered {
				found = append(found, d.s.observe(r, t))
				d.s.spoke = append(d.s.spoke, r)
			}
		}
		d.s.seenAt = d.s.w.now
		return nil
	})
	return found, err
}

// ask is a call to the store, which may be away.
func (s *server) ask(name string, do func() error) error {
	return s.call(name, func() error {
		if s.w.now.Before(s.w.outage) && !s.w.calm {
			return slipway.Errorf(slipway.Unavailable, "the store is away")
		}
		return do()
	})
}

// repeat makes it possible that a call is delivered once more, much later.
func (s *server) repeat(do func() error) {
	if !s.w.calm && s.w.chance(20) {
		s.w.late = append(s.w.late, func() { _ = do() })
	}
}
