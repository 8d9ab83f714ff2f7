package daemon

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// A supervisor keeps roles running: it starts each, waits for its end and
// starts it again, at once when it had lived for a while.
type supervisor struct {
	roles []*role
	log   *slog.Logger
	wg    sync.WaitGroup
}

// How long a role lived does not tell whether it could start: one that was killed
// soon after it came up looks the same as one that fails. So either is tried once a
// second, and told of once a minute.
const (
	restartFirst = 50 * time.Millisecond
	restartMost  = time.Second
	livedWell    = time.Second // a role that lived this long restarts at once again
	sayAgain     = time.Minute
)

// start returns when r runs, or with the error of its first start.
func (s *supervisor) start(r *role) error {
	if err := r.adoptOrStart(); err != nil {
		return err
	}
	s.roles = append(s.roles, r)
	return nil
}

// keep begins to keep r running until ctx ends.
func (s *supervisor) keep(ctx context.Context, r *role) {
	s.wg.Go(func() { s.restart(ctx, r) })
}

func (s *supervisor) restart(ctx context.Context, r *role) {
	delay, quiet := restartFirst, time.Time{}
	for {
		began := time.Now()
		why := r.wait(ctx)
		if ctx.Err() != nil {
			return
		}
		if r.succeeded() {
			s.log.Info("role was upgraded", "role", r.name)
			continue
		}
		if time.Since(began) > livedWell {
			delay = restartFirst
		}
		loud := delay < restartMost || time.Now().After(quiet)
		if loud {
			s.log.Warn("role ended, starting it again", "role", r.name, "why", why, "in", delay)
			quiet = time.Now().Add(sayAgain)
		}
		if !sleep(ctx, delay) {
			return
		}
		delay = min(2*delay, restartMost)
		if err := r.start(); err != nil && loud {
			s.log.Error("role does not start", "role", r.name, "err", err)
		}
	}
}

// stop ends the roles that ends says, and waits for their end: together, and
// then those that are last, the one that was started last first.
func (s *supervisor) stop(ends func(*role) bool) {
	var others sync.WaitGroup
	for _, r := range s.roles {
		if !r.last && ends(r) {
			others.Go(r.stop)
		}
	}
	others.Wait()
	for _, r := range slices.Backward(s.roles) {
		if r.last && ends(r) {
			r.stop()
		}
	}
	s.wg.Wait()
}

// sleep waits for d or the end of ctx, which it reports as false.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
