package process

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/slipway-cd/slipway"
)

// activity is the file activity in the directory of an instance that can be
// told: whether it is to take work.
type activity struct {
	Instance slipway.InstanceID
	Fence    slipway.Fence
	Active   bool
}

// isActive is what the instance in dir was ordered last.
func (s Spec) isActive(dir string) (bool, error) {
	var o activity
	err := loadJSON(filepath.Join(dir, activityFile), &o)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (o.Instance != s.ID || o.Fence.Less(s.Fence)) {
		return s.Active, nil
	}
	return o.Active, err
}

// digit is how an instance reads it.
func digit(active bool) string {
	if active {
		return "1"
	}
	return "0"
}

// activate orders the instances of g that can be told to take work, or to take
// none any more. The orders are on disk when it returns.
func (d *Driver) activate(g slipway.GroupSpec) error {
	if !isPassive(g.Revision) {
		return nil
	}
	d.act.Lock()
	defer d.act.Unlock()
	if err := d.ledger.admit(g.Target, g.Fence, nil); err != nil {
		return err
	}
	for _, i := range d.sorted() {
		if i.spec.Target != g.Target || i.spec.Group != g.ID || !i.spec.Passive {
			continue
		}
		d.mu.Lock()
		done := i.active == g.Active || !i.ordered.IsZero()
		d.mu.Unlock()
		if done {
			continue
		}
		if err := saveJSONDurably(filepath.Join(i.dir, activityFile), activity{i.spec.ID, g.Fence, g.Active}); err != nil {
			return explain("tell "+string(i.spec.ID)+" whether to take work", err)
		}
		d.mu.Lock()
		i.active = g.Active
		conn := i.conn
		d.mu.Unlock()
		if conn != nil {
			nudge(conn)
		}
	}
	return nil
}

// isPassive reports whether instances of r can be told to take work.
func isPassive(r slipway.Revision) bool { return r.Kind == slipway.Worker && r.Run.Passive }

// heedActivity takes in an order. The file that the instance reads is written
// before anybody is shown that it has changed. A child that has not been ready yet
// is told when it is.
func (s *shim) heedActivity() {
	if !s.spec.Passive {
		return
	}
	active, err := s.spec.isActive(".")
	if err != nil {
		s.log.Error("read the order to take work", "err", err)
		return
	}
	if err := s.show(active); err != nil {
		s.log.Error("tell whether to take work", "err", err)
		return
	}
	select {
	case s.turned <- struct{}{}:
	default:
	}
}

// show takes in whether the instance is to take work.
func (s *shim) show(active bool) error {
	if err := lay(active && s.wasReady()); err != nil {
		return err
	}
	s.board.change(func(r *Report) { r.Active = active })
	return nil
}

// lay writes for the instance whether it is to take work: over what is there,
// which takes no room on the disk.
func lay(active bool) error {
	f, err := os.OpenFile(activeFile, os.O_WRONLY|os.O_CREATE, 0o644) //nolint:gosec // an instance may run as somebody else
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(digit(active)), 0)
	return errors.Join(err, f.Close())
}

// ripen lets a child that is ready take work, if it is to.
func (s *shim) ripen() {
	if !s.spec.Passive || !s.board.report().Active {
		return
	}
	if err := lay(true); err != nil {
		s.log.Error("tell to take work", "err", err)
	}
}

// works reports whether the child is to take work: it was ordered to, and has
// been ready.
func (s *shim) works() bool { return s.board.report().Active && s.wasReady() }

// current is what a child is started with now: it takes no work before it is
// ready.
func (s *shim) current() (Spec, error) {
	s.heeding.Lock()
	defer s.heeding.Unlock()
	spec := s.spec
	if !spec.Passive {
		return spec, nil
	}
	spec.Active = false
	active, err := s.spec.isActive(".")
	if err == nil {
		err = s.show(active)
	}
	return spec, err
}

// turn signals a child that was told otherwise, as soon as it listens to that.
// Who does not would be ended by the signal; it has the file.
func (s *shim) turn(c *child) {
	if !s.spec.Passive {
		return
	}
	active := s.works()
	sig := syscall.SIGUSR2
	if active {
		sig = syscall.SIGUSR1
	}
	if s.told != nil && *s.told == active || !catches(c.id.PID, sig) {
		return
	}
	if err := c.id.Signal(sig); err != nil {
		s.log.Error("tell whether to take work", "err", err)
		return
	}
	s.told = &active
}

// retireFor is how long an active worker has to hear that it is to take no more
// work, before it is asked to end.
const retireFor = 100 * time.Millisecond

// retire makes a worker passive that is about to end.
func (s *shim) retire(c *child) {
	if !s.spec.Passive || !s.board.report().Active {
		return
	}
	if err := s.show(false); err != nil {
		s.log.Error("tell to take no work", "err", err)
	}
	s.turn(c)
	select {
	case <-c.exited:
	case <-time.After(retireFor):
	}
}
