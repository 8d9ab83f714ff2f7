package process

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/slipway-cd/slipway"
)

// shim owns one instance. One goroutine, run's, decides; the others listen,
// reap and probe for it.
type shim struct {
	spec    Spec
	log     *slog.Logger
	nursery nursery
	board   *board
	vault   *vault
	before  string        // how the child before this one ended
	stop    chan struct{} // closed when the instance is to end
	turned  chan struct{} // something is in it when the child is to be told whether it takes work
	told    *bool         // what it was told; nil: not known
	heeding sync.Mutex    // over orders, and what becomes of them
}

// RunShim owns the instance in dir until that has stopped: it starts its
// program and starts it again when it exits, probes it, bounds its log and
// tells the driver. It runs in a process of its own, whose working directory it
// changes to dir: a data directory that is moved is followed.
//
// When it ends before that, however it ends, the program runs on and the next
// shim for dir adopts it. A second shim for dir is a Conflict.
//
// It logs to standard error, which its driver keeps beside the instance.
func RunShim(ctx context.Context, dir string) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := os.Chdir(dir); err != nil {
		return slipway.Errorf(slipway.NotFound, "no instance in %s: %w", dir, err)
	}
	lock, err := takeLock(lockName)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	s := &shim{log: log, nursery: nursery{log: log, helpers: map[int]*child{}}, stop: make(chan struct{}), turned: make(chan struct{}, 1)}
	if err := loadJSON(specFile, &s.spec); err != nil {
		return slipway.Errorf(slipway.Invalid, "%s holds no instance: %w", dir, err)
	}
	if err := errors.Join(becomeSubreaper(), Opaque()); err != nil {
		return err
	}
	s.vault = newVault(s.spec)
	s.nursery.vault = s.vault
	s.board = recall(log)
	s.board.hide = s.vault.hide
	before := s.board.report()
	child := s.adopt() // before anybody is shown what an earlier shim knew
	s.heed()
	_ = os.Remove(s.spec.Socket) // of an earlier shim; the lock says that there is none now
	l, err := new(net.ListenConfig).Listen(ctx, "unix", s.spec.Socket)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()

	done := make(chan struct{})
	defer close(done)
	sigchld := make(chan os.Signal, 1)
	signal.Notify(sigchld, syscall.SIGCHLD)
	go s.nursery.reap(sigchld, done)
	go s.serve(l)
	var keeping sync.WaitGroup
	over, ears := make(chan struct{}), newEar(s.vault, before.Child.PID == 0 && !before.Launching)
	keeping.Go(func() { s.keepLog(over, ears) })
	s.run(ctx, child)
	close(over)
	keeping.Wait()
	s.board.close()
	return nil
}

// run keeps one child running until the instance is to end.
//
//	launch ─► mind ─► exited ─► pause ─► launch
//	adopt  ──►└──── stop asked ─► finish
func (s *shim) run(ctx context.Context, c *child) {
	for !s.stopping() && ctx.Err() == nil {
		if c == nil {
			s.pause(ctx)
			s.awaitSecrets(ctx)
			if s.stopping() || ctx.Err() != nil {
				break
			}
			c = s.launch()
			continue
		}
		if why := s.mind(ctx, c); why != "" {
			s.nursery.sweep(c, s.spec)
			s.down(why)
			c = nil
		}
	}
	if s.stopping() {
		s.finish(c)
	}
}

func (s *shim) stopping() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

// down notes that the child has ended, and when the next one starts.
func (s *shim) down(why string) {
	why = s.vault.hide(why)
	s.log.Info("down", "why", why)
	s.before = why
	s.board.change(func(r *Report) {
		at := now()
		r.Failures++
		r.Phase, r.Since, r.Why = slipway.InstanceBackoff, at, why
		r.RetryAt = at.Add(backoff(r.Failures))
		r.Launching = false
	})
}

// pause waits until the next child may start.
func (s *shim) pause(ctx context.Context) {
	r := s.board.report()
	if r.Phase != slipway.InstanceBackoff {
		return
	}
	t := time.NewTimer(min(time.Until(r.RetryAt), backoffMost)) // whatever the clock did meanwhile
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.stop:
	case <-ctx.Done():
	}
}

// awaitSecrets waits until the driver has given them.
func (s *shim) awaitSecrets(ctx context.Context) {
	for {
		ok, why, news := s.vault.look()
		if ok {
			return
		}
		s.board.change(func(r *Report) { r.Phase, r.Why = slipway.InstanceStarting, why })
		select {
		case <-news:
		case <-s.stop:
			return
		case <-ctx.Done():
			return
		}
	}
}

// launch starts the child, or notes why it could not.
func (s *shim) launch() *child {
	s.board.change(func(r *Report) { r.Launching = true })
	spec, err := s.current()
	var c *child
	if err == nil {
		c, err = s.nursery.start(spec)
	}
	if err != nil {
		s.down("cannot start: " + reason(err))
		return nil
	}
	s.told = &spec.Active
	dir, _ := os.Getwd()
	s.board.change(func(r *Report) {
		if r.Child.PID != 0 {
			r.Restarts++
		}
		r.Phase, r.Since, r.RetryAt, r.ReadyIn, r.Why = slipway.InstanceStarting, c.started, time.Time{}, 0, ""
		r.Child, r.StartedAt, r.Dir, r.Launching = c.id, c.started, dir, false
	})
	return c
}

// mind watches a child until it has ended, and says how it did; or until the
// instance is to end or ctx has, and says nothing.
func (s *shim) mind(ctx context.Context, c *child) (why string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := newProber(s.spec, c, s.wasReady())
	p.try = func(ctx context.Context, argv []string, within time.Duration) (how, said string, late, starved bool) {
		spec := s.spec
		spec.Active = s.works()
		return s.nursery.try(ctx, spec, argv, within)
	}
	go s.takeOff(ctx, p)
	verdicts := make(chan verdict, 2) // as many as one look has
	var doomed time.Time              // since when, if it is
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ""
		case <-s.stop:
			return ""
		case <-c.exited:
			return c.how + p.unmet()
		case <-s.turned:
			s.turn(c)
		case <-timer.C:
			go p.look(ctx, func(v verdict) { verdicts <- v })
		case v := <-verdicts:
			s.judge(v, c)
			s.turn(c)
			switch {
			case v.more:
				continue
			case v.live:
				doomed = time.Time{}
			case doomed.IsZero():
				doomed = time.Now()
			case s.isLeft(doomed):
				s.nursery.end(c, s.spec.StopGrace)
				return v.why
			}
			timer.Reset(p.wait())
		}
	}
}

// takeOff asks for what has to be there before the child may be ready, as soon
// as the child's whole environment is known.
func (s *shim) takeOff(ctx context.Context, p *prober) {
	if p.flight == nil {
		return
	}
	for {
		ok, _, news := s.vault.look()
		if ok {
			break
		}
		select {
		case <-news:
		case <-ctx.Done():
			return
		}
	}
	here, _ := os.Getwd() // a child has been started from there
	vars := map[string]string{}
	for _, kv := range s.nursery.environ(s.spec, here) {
		name, value, _ := strings.Cut(kv, "=")
		vars[name] = value
	}
	p.flight.Run(ctx, vars)
}

// isLeft reports whether a child that is not alive may be ended. It has been
// shown as unready, so that routers leave it alone; nobody is connected to it any
// more, or who is has had the time that requests may take. One that comes back to
// life meanwhile is spared.
func (s *shim) isLeft(doomed time.Time) bool {
	return time.Since(doomed) >= s.spec.Drain || isQuiet(s.spec.Port)
}

// wasReady reports whether this child has been ready.
func (s *shim) wasReady() bool {
	p := s.board.report().Phase
	return p == slipway.InstanceReady || p == slipway.InstanceUnready
}

// judge turns a verdict into a phase.
func (s *shim) judge(v verdict, c *child) {
	s.heeding.Lock()
	defer s.heeding.Unlock()
	if v.ready && v.live {
		s.ripen()
	}
	s.board.change(func(r *Report) {
		phase, why := r.Phase, v.why
		switch {
		case v.ready && v.live:
			phase, why = slipway.InstanceReady, ""
		case r.Phase == slipway.InstanceReady:
			phase = slipway.InstanceUnready
		case r.Phase == slipway.InstanceStarting && s.before != "":
			why += "; before that: " + s.before
		}
		if phase != r.Phase {
			if r.Phase == slipway.InstanceStarting {
				r.ReadyIn = time.Since(c.started)
			}
			r.Phase, r.Since = phase, now()
		}
		if phase == slipway.InstanceReady && time.Since(r.Since) >= steadyAfter {
			r.Failures = 0
		}
		r.EverReady = r.EverReady || phase == slipway.InstanceReady
		r.Why = why
	})
}

// finish ends the instance for good.
func (s *shim) finish(c *child) {
	s.board.change(func(r *Report) { r.Phase, r.Since, r.RetryAt = slipway.InstanceStopping, now(), time.Time{} })
	why := ""
	if c != nil {
		s.retire(c)
		s.nursery.end(c, s.spec.StopGrace)
		s.nursery.sweep(c, s.spec)
		why = c.how
	}
	s.vault.drop()
	s.log.Info("stopped", "why", why)
	s.board.change(func(r *Report) { r.Phase, r.Since, r.Why = slipway.InstanceStopped, now(), why })
	_ = os.Remove(s.spec.Socket)
}

// heed looks for orders: whether to take work, and whether to end. They are
// files: messages only say that they may be there.
func (s *shim) heed() {
	s.heeding.Lock()
	defer s.heeding.Unlock()
	s.heedActivity()
	var o order
	err := loadJSON(stopFile, &o)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		s.log.Error("read the order to stop", "err", err)
	case o.Instance != s.spec.ID || o.Fence.Less(s.spec.Fence):
		s.log.Error("refused an order to stop", "instance", o.Instance, "fence", o.Fence)
	case !s.stopping():
		close(s.stop)
	}
}
