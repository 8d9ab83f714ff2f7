package process

import (
	"fmt"
	"time"

	"github.com/slipway-cd/slipway"
)

const (
	readyTimeout = time.Second
	liveTimeout  = 3 * time.Second        // to restart what is merely slow makes it worse
	probeEvery   = time.Second            // unless the probe says otherwise
	probeFirst   = 5 * time.Millisecond   // then twice that, up to
	probeSlowest = 100 * time.Millisecond // until it has passed for the first time
	workerSettle = time.Second            // a worker without a probe is ready when it has lived this long
	mostExcused  = 60                     // probes in a row that do not count, because the machine was too busy to answer
)

// series is one probe of a child, asked again and again as a kubelet asks it:
// only so many answers in a row change what is known.
type series struct {
	slipway.Probe
	name  string
	ok    bool   // what is known
	why   string // what the last failure said
	since time.Time

	been   bool // it was ok once
	passed int  // in a row
	tally
	counted time.Time // when a failure counted last, or counting began
	due     time.Time
	polls   int
}

// newSeries is p, or without one what stands in for it, of a child that was
// started at since. ok is what is known before it is asked.
func newSeries(name string, p *slipway.Probe, timeout time.Duration, since time.Time, ok bool) series {
	s := series{name: name, ok: ok, been: ok, since: since}
	if p != nil {
		s.Probe = *p
	}
	if s.Timeout <= 0 {
		s.Timeout = timeout
	}
	if s.Period <= 0 {
		s.Period = probeEvery
	}
	s.Successes, s.Failures = max(1, s.Successes), max(1, s.Failures)
	s.counted, s.due = since, since.Add(s.Delay)
	if s.Delay > 0 && !ok {
		s.why = fmt.Sprintf("%s is not asked before %v have passed", name, s.Delay)
	}
	return s
}

// isDue reports whether it is to be asked now.
func (s *series) isDue(now time.Time) bool { return !now.Before(s.due) }

// note takes in an answer that took a while. Until a probe has passed for the
// first time it is asked faster than it was meant to be, so no more than one
// failure in each period counts.
func (s *series) note(now time.Time, took time.Duration, ok, starved bool, why string) {
	switch {
	case ok:
		s.add(true, false)
		s.passed++
		s.ok = s.ok || s.passed >= s.Successes
		s.been = s.been || s.ok
		s.why = why
	default:
		s.passed, s.why = 0, why
		if s.been || now.Sub(s.counted) >= s.Period {
			s.add(false, starved)
			s.counted = now
		}
		s.ok = s.ok && s.failed < s.Failures
	}
	s.due = now.Add(s.pause(took))
}

// pause is how long to wait until it is asked again. Who asked for a delay
// knows when it is worth asking, and is not asked faster.
func (s *series) pause(took time.Duration) time.Duration {
	if s.been || s.Delay > 0 || s.passed > 0 {
		return s.Period
	}
	s.polls++
	fast := min(probeFirst<<min(s.polls-1, 10), probeSlowest)
	return min(max(fast, 2*took), s.Period)
}

// isExhausted reports whether it has failed as often as it may.
func (s *series) isExhausted() bool { return s.failed >= s.Failures }

// verdict says why it has failed as often as it may.
func (s *series) verdict() string {
	if s.Failures > 1 {
		return fmt.Sprintf("%s, %d times in a row", s.why, s.Failures)
	}
	return s.why
}

// tally is what one probe has found in a row.
type tally struct{ failed, excused int }

// add counts a probe. One that a starved instance did not answer is excused, but
// not for ever: to restart instances of a busy machine, or to take them out,
// leaves the others with more to do.
func (t *tally) add(ok, starved bool) {
	switch {
	case ok:
		*t = tally{}
	case starved && t.excused < mostExcused:
		t.excused++
	default:
		t.failed++
	}
}
