package process

import "github.com/slipway-cd/slipway"

// adopt finds the child of an earlier shim: the one it wrote down, or one that
// it had no time to write down.
func (s *shim) adopt() *child {
	r := s.board.report()
	if r.Child.PID == 0 && !r.Launching {
		return nil
	}
	id := r.Child
	if !id.Alive() {
		var ok bool
		if id, ok = leader(s.spec.Mark); !ok {
			s.lost(r)
			return nil
		}
	}
	started := now()
	if id == r.Child {
		started = r.StartedAt
	}
	c, err := s.nursery.adopt(id, started)
	if err != nil {
		s.lost(r)
		return nil
	}
	s.log.Info("adopted", "pid", id.PID)
	s.board.change(func(r *Report) {
		if r.Child != id || r.Phase == slipway.InstanceBackoff {
			r.Phase, r.Since, r.Why = slipway.InstanceStarting, started, ""
		}
		r.Child, r.StartedAt, r.Launching = id, started, false
	})
	return c
}

// lost is what is known of a child that ended while no shim was there.
func (s *shim) lost(r Report) {
	why := "it ended while it had no shim"
	if r.Child.PID != 0 && !r.Child.OfThisBoot() {
		why = "the host was restarted"
	}
	s.nursery.sweep(&child{}, s.spec)
	if r.Phase != slipway.InstanceBackoff && r.Phase != slipway.InstanceStopped {
		s.down(why)
	}
}
