package process

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"github.com/slipway-cd/slipway"
)

// Stop orders i to end. The order is on disk when it returns, and holds
// whatever dies after that.
func (d *Driver) Stop(_ context.Context, t slipway.TargetID, id slipway.InstanceID, f slipway.Fence) error {
	return d.change(t, id, f, func(i *instance) error { return d.order(i, f) })
}

// change acts on an instance under a fence. One that is not known needs nothing.
func (d *Driver) change(t slipway.TargetID, id slipway.InstanceID, f slipway.Fence, act func(*instance) error) error {
	d.act.Lock()
	defer d.act.Unlock()
	if err := d.ledger.admit(t, f, nil); err != nil {
		return err
	}
	i, err := d.find(t, id)
	if i == nil || err != nil {
		return err
	}
	return act(i)
}

// find is nil for an instance that is not known.
func (d *Driver) find(t slipway.TargetID, id slipway.InstanceID) (*instance, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := d.instances[id]
	if i != nil && i.spec.Target != t {
		return nil, slipway.Errorf(slipway.Invalid, "%s is an instance of %s, not of %s", id, i.spec.Target, t)
	}
	return i, nil
}

func (d *Driver) order(i *instance, f slipway.Fence) error {
	d.mu.Lock()
	done := !i.ordered.IsZero()
	d.mu.Unlock()
	if done {
		return nil
	}
	if err := saveJSONDurably(filepath.Join(i.dir, stopFile), order{i.spec.ID, f}); err != nil {
		return explain("order "+string(i.spec.ID)+" to stop", err)
	}
	d.mu.Lock()
	i.ordered = now()
	conn := i.conn
	d.mu.Unlock()
	if conn != nil {
		nudge(conn)
	}
	d.tell(i.spec.Target)
	return nil
}

// Forget removes i and what it has written but for the end of its log.
func (d *Driver) Forget(_ context.Context, t slipway.TargetID, id slipway.InstanceID, f slipway.Fence) error {
	return d.change(t, id, f, d.forget)
}

func (d *Driver) forget(i *instance) error {
	if s := d.status(i); s.Phase != slipway.InstanceStopped {
		return slipway.Errorf(slipway.Conflict, "%s of %s is %s; only a stopped instance can be forgotten", s.ID, i.spec.Target, s.Phase)
	}
	l, err := takeLock(filepath.Join(i.dir, lockName)) // its shim ends a moment later than it
	if err != nil {
		return explain("forget "+string(i.spec.ID), err)
	}
	defer func() { _ = l.Close() }()
	if err := d.cgroupOf(i).End(); err != nil { // its shim may have been killed in between
		d.log.Error("end what an instance has left", "instance", i.spec.ID, "err", err)
	}
	dropSecrets(i.spec)
	if err := d.keepLog(i); err != nil {
		d.log.Warn("keep the end of a log", "instance", i.spec.ID, "err", err)
	}
	half := filepath.Join(filepath.Dir(i.dir), ".gone-"+filepath.Base(i.dir))
	if err := os.Rename(i.dir, half); err != nil {
		return explain("forget "+string(i.spec.ID), err)
	}
	if old := filepath.Dir(i.spec.Socket); old != d.runtime {
		_ = os.Remove(old) // the data directory has moved since; it stays while something is left in it
	}
	_ = os.Remove(filepath.Join(half, specFile)) // first: no shim that waits for the lock takes it for an instance
	d.mu.Lock()
	delete(d.instances, i.spec.ID)
	used := map[string]bool{}
	for _, other := range d.instances {
		used[other.spec.Tree] = true
	}
	d.mu.Unlock()
	if err := errors.Join(removeTree(half), d.trees.prune(used)); err != nil {
		d.log.Warn("clear away a forgotten instance", "instance", i.spec.ID, "err", err)
	}
	d.tell(i.spec.Target)
	return nil
}

// StopAll ends every instance, drains nothing and forgets them all: what a
// person wants who takes the whole installation down. It listens by itself when
// Run does not run.
func (d *Driver) StopAll(ctx context.Context) error {
	d.reserve().spend()
	defer d.listenMeanwhile()()
	all := d.sorted()
	for _, i := range all {
		if err := d.orderAside(i); err != nil {
			return err
		}
	}
	for _, i := range all {
		if err := d.awaitStopped(ctx, i); err != nil {
			return err
		}
	}
	d.act.Lock()
	defer d.act.Unlock()
	var errs []error
	for _, i := range all {
		errs = append(errs, d.forget(i))
	}
	return errors.Join(errs...)
}

// listenMeanwhile runs Run until stop is called, unless it runs already.
func (d *Driver) listenMeanwhile() (stop func()) {
	d.mu.Lock()
	running := d.running != nil
	d.mu.Unlock()
	if running {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() { _ = d.Run(ctx) })
	return func() { cancel(); run.Wait() }
}

// orderAside orders i to stop outside of any plan, under the fence that its
// target has.
func (d *Driver) orderAside(i *instance) error {
	d.act.Lock()
	defer d.act.Unlock()
	r, err := d.ledger.look(i.spec.Target)
	if err != nil {
		return err
	}
	err = d.ledger.admit(i.spec.Target, r.Fence, func(groups map[slipway.GroupID]int) { clear(groups) })
	if err != nil {
		return err
	}
	return d.order(i, r.Fence)
}

func (d *Driver) awaitStopped(ctx context.Context, i *instance) error {
	for {
		d.mu.Lock()
		stopped, changed := i.report.Phase == slipway.InstanceStopped, d.changed
		d.mu.Unlock()
		if stopped {
			d.awaitUnattended(i)
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return slipway.Errorf(slipway.Unavailable, "%s of %s has not stopped: %w", i.spec.ID, i.spec.Target, ctx.Err())
		}
	}
}
