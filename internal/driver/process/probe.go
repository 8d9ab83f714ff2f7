package process

import (
	"context"
	"errors"
	"time"

	"github.com/slipway-cd/slipway/internal/driver/preflight"
	"github.com/slipway-cd/slipway/internal/procid"
)

// verdict is what a look at the instance found.
type verdict struct {
	ready bool
	live  bool
	why   string // of the first no
	more  bool   // this is what is known already; another verdict follows
}

// prober looks at one child, in the order in which it can become ready. It is
// used by one goroutine at a time.
//
//	startup ─► ready, once preflight has passed ─► and alive from then on
type prober struct {
	spec   Spec
	child  *child
	door   door
	kin    func() []procid.ID
	try    func(ctx context.Context, argv []string, within time.Duration) (how, said string, late, starved bool)
	flight *preflight.Flight // nil: passed

	startup, ready, live series
}

// newProber looks at c, which an earlier shim may have seen ready.
func newProber(s Spec, c *child, wasReady bool) *prober {
	h := s.Health
	p := &prober{
		spec: s, child: c, door: door{port: s.Port},
		kin:     func() []procid.ID { return kin(c.id.PID, s.Mark) },
		startup: newSeries("health.startup", h.Startup, readyTimeout, c.started, wasReady || h.Startup == nil),
		ready:   newSeries("health.ready", h.Ready, readyTimeout, c.started, wasReady),
		live:    newSeries("health.live", h.Live, liveTimeout, c.started, true),
	}
	if len(h.Preflight) > 0 && !wasReady {
		p.flight = preflight.NewFlight(h.Preflight)
	}
	return p
}

// look asks what is due and says what is known then. Whether it is alive may
// take a while to find out.
func (p *prober) look(ctx context.Context, say func(verdict)) {
	v := verdict{live: true}
	if !p.startup.ok && !p.starts(ctx) {
		if v.why = p.startup.why; p.startup.isExhausted() {
			v.live, v.why = false, p.startup.verdict()
		}
		say(v)
		return
	}
	if p.ready.isDue(time.Now()) {
		p.ask(ctx, &p.ready, p.ready.Timeout)
	}
	v.ready, v.why = p.ready.ok, p.ready.why
	if !p.isLiveAsked() {
		say(v)
		return
	}
	if p.live.isDue(time.Now()) {
		within := p.live.Timeout
		if p.live.ok {
			v.more = true
			say(v)
			v.more = false
		} else {
			within = min(within, readyTimeout)
		}
		p.ask(ctx, &p.live, within)
	}
	if !p.live.ok {
		v.live, v.why = false, p.live.verdict()
		p.live.due = time.Now().Add(min(p.live.Period, probeEvery)) // it may have been left by then
	}
	say(v)
}

// starts reports whether the startup probe has passed.
func (p *prober) starts(ctx context.Context) bool {
	if p.startup.isDue(time.Now()) {
		p.ask(ctx, &p.startup, p.startup.Timeout)
	}
	return p.startup.ok
}

// isLiveAsked reports whether a child has got far enough to be asked whether it
// is alive: who is still starting answers nobody.
func (p *prober) isLiveAsked() bool {
	h := p.spec.Health
	return h.Live != nil && (p.ready.been || h.Startup != nil || h.Live.Delay > 0)
}

// wait is how long nothing is due.
func (p *prober) wait() time.Duration {
	due := p.startup.due
	if p.startup.ok {
		due = p.ready.due
		if p.isLiveAsked() && p.live.due.Before(due) {
			due = p.live.due
		}
	}
	return max(0, time.Until(due))
}

// ask makes one probe of a series.
func (p *prober) ask(ctx context.Context, s *series, within time.Duration) {
	begun := time.Now()
	ok, why, starved := p.answer(ctx, s, within)
	s.note(time.Now(), time.Since(begun), ok, starved, why)
}

func (p *prober) answer(ctx context.Context, s *series, within time.Duration) (ok bool, why string, starved bool) {
	if s == &p.ready && p.flight != nil {
		if ok, why := p.flight.Passed(); !ok {
			return false, why, false
		}
	}
	switch {
	case len(s.Exec) > 0:
		return p.exec(ctx, s.Exec, within)
	case p.spec.Port == 0:
		return time.Since(p.child.started) >= workerSettle, "it has not run for a second yet", false
	}
	if s != &p.live { // whoever has the port now, it is not for being dead that this child ends
		if ok, why := p.door.check(p.child.id.PID, p.kin); !ok {
			return false, why, false
		}
	}
	if s.HTTP == "" && s.GRPC == nil && !s.TCP {
		return true, "", false
	}
	felt := feel(within, p.server)
	ok, why, late := p.askPort(ctx, s.Probe, within)
	return ok, why, felt.end() && late
}

// unmet is what an instance lacked that ended before it was ready: it may have
// ended for that.
func (p *prober) unmet() string {
	if p.flight == nil {
		return ""
	}
	if why := p.flight.Failure(); why != "" {
		return "; " + why
	}
	return ""
}

// server is the process that answers, as far as it is known.
func (p *prober) server() int {
	if p.door.pid != 0 {
		return p.door.pid
	}
	return p.child.id.PID
}

// reason is the innermost part of a network error, which is what a person
// needs: connection refused.
func reason(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err.Error()
}
