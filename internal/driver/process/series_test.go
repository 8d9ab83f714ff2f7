package process

import (
	"slices"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
)

var began = time.Unix(1_900_000_000, 0)

// answers feeds a series one answer after the other, each when it is due.
func answers(s *series, all string) (ok []bool, after []time.Duration) {
	for _, a := range all {
		at := s.due
		s.note(at, 0, a == '+', a == '~', "no")
		ok, after = append(ok, s.ok), append(after, s.due.Sub(at))
	}
	return ok, after
}

func TestUntilReadyItIsAskedFast(t *testing.T) {
	s := newSeries("", nil, time.Second, began, false)
	if !s.isDue(began) {
		t.Error("it is not asked at once")
	}
	_, got := answers(&s, "-------+-")
	const ms = time.Millisecond
	if want := []time.Duration{5 * ms, 10 * ms, 20 * ms, 40 * ms, 80 * ms, 100 * ms, 100 * ms, time.Second, time.Second}; !slices.Equal(got, want) {
		t.Errorf("asked again after %v, want %v", got, want)
	}
	s = newSeries("", nil, time.Second, began, false)
	s.note(began, 300*ms, false, false, "no")
	if got := s.due.Sub(began); got != 600*ms {
		t.Errorf("one that takes 300 ms is asked again after %v", got)
	}
}

// As a kubelet does: the delay, then by period.
func TestADelayIsKept(t *testing.T) {
	s := newSeries("health.ready", &slipway.Probe{Delay: 5 * time.Second, Period: 3 * time.Second}, time.Second, began, false)
	if s.isDue(began.Add(5*time.Second-1)) || !s.isDue(began.Add(5*time.Second)) {
		t.Errorf("it is due at %v", s.due)
	}
	if s.why != "health.ready is not asked before 5s have passed" {
		t.Errorf("meanwhile: %q", s.why)
	}
	if _, got := answers(&s, "--"); !slices.Equal(got, []time.Duration{3 * time.Second, 3 * time.Second}) {
		t.Errorf("asked again after %v", got)
	}
}

func TestSoManyInARowCount(t *testing.T) {
	for _, c := range []struct {
		name                string
		was                 bool
		successes, failures int
		answers             string
		want                []bool
	}{
		{"ready at the first", false, 0, 1, "-+-+", []bool{false, true, false, true}},
		{"ready after two", false, 2, 1, "+-++-++", []bool{false, false, false, true, false, false, true}},
		{"unready after two", true, 1, 2, "-+--+", []bool{true, true, true, false, true}},
		{"starved are excused", true, 1, 1, "~~-", []bool{true, true, false}},
		{"dead after three", true, 1, 3, "--+---", []bool{true, true, true, true, true, false}},
	} {
		s := newSeries("", &slipway.Probe{Successes: c.successes, Failures: c.failures}, time.Second, began, c.was)
		if got, _ := answers(&s, c.answers); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// It is asked more often than once in a period until it has passed, and may fail
// for as long as its periods take all the same.
func TestWhoStartsHasAllPeriods(t *testing.T) {
	s := newSeries("", &slipway.Probe{Failures: 3}, time.Second, began, false)
	asked := 0
	for ; !s.isExhausted(); asked++ {
		s.note(s.due, 0, false, false, "no")
	}
	if took := s.due.Sub(began); took < 3*time.Second || took > 3300*time.Millisecond || asked < 20 {
		t.Errorf("given up after %v and %d times", took, asked)
	}
	if s.verdict() != "no, 3 times in a row" {
		t.Errorf("because %q", s.verdict())
	}
}
