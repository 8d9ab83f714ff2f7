package evidence_test

import (
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/evidence"
)

// by is counters of instances.
type by map[string]float64

// TestCountersOfOthers counts what came, whatever becomes of those who count.
func TestCountersOfOthers(t *testing.T) {
	type told struct {
		failed, all by
		silent      string
		came        evidence.Count
		why         string
	}
	for _, c := range []struct {
		name     string
		canary   []told
		baseline []told
	}{
		{
			"the candidate begins with the first look, the stable group does not",
			[]told{{by{"x": 1}, by{"x": 10}, "", evidence.Count{Failed: 1, All: 10}, ""}, {by{"x": 3}, by{"x": 15}, "", evidence.Count{Failed: 2, All: 5}, ""}},
			[]told{{by{"y": 70}, by{"y": 900}, "", evidence.Count{}, ""}, {by{"y": 71}, by{"y": 910}, "", evidence.Count{Failed: 1, All: 10}, ""}},
		},
		{
			"a counter is there when something has failed, on both sides",
			[]told{{nil, by{"x": 10}, "", evidence.Count{All: 10}, ""}, {by{"x": 3}, by{"x": 20}, "", evidence.Count{Failed: 3, All: 10}, ""}},
			[]told{{nil, by{"y": 90}, "", evidence.Count{}, ""}, {by{"y": 3}, by{"y": 100}, "", evidence.Count{Failed: 3, All: 10}, ""}},
		},
		{
			"an instance starts anew",
			[]told{{by{"x": 5}, by{"x": 50, "z": 50}, "", evidence.Count{Failed: 5, All: 100}, ""}, {by{"x": 1}, by{"x": 4, "z": 60}, "", evidence.Count{Failed: 1, All: 14}, "the counters of the candidate began anew"}},
			nil,
		},
		{
			"an instance is away for a while, and counts no moment twice",
			[]told{
				{nil, by{"x": 50, "z": 50}, "", evidence.Count{All: 100}, ""}, {nil, by{"x": 60}, "", evidence.Count{All: 10}, ""},
				{nil, by{"x": 70, "z": 52}, "", evidence.Count{All: 12}, ""},
			},
			nil,
		},
		{
			"all are away",
			[]told{{nil, by{"x": 50}, "", evidence.Count{All: 50}, ""}, {nil, nil, "", evidence.Count{}, "nobody counts for the candidate any more"}, {nil, by{"x": 60}, "", evidence.Count{All: 10}, ""}},
			nil,
		},
		{
			"nobody answers",
			[]told{{nil, by{"x": 50}, "", evidence.Count{All: 50}, ""}, {nil, nil, "timeout", evidence.Count{}, "timeout"}, {by{"x": 2}, by{"x": 60}, "", evidence.Count{Failed: 2, All: 10}, ""}},
			nil,
		},
		{
			"more has failed than there was, until it is right",
			[]told{{nil, by{"x": 50}, "", evidence.Count{All: 50}, ""}, {by{"x": 2}, by{"x": 51}, "", evidence.Count{}, "of the candidate more has failed (2) than there was (1)"}, {by{"x": 2}, by{"x": 60}, "", evidence.Count{Failed: 2, All: 10}, ""}},
			nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var l evidence.Ledger
			for n, now := range c.canary {
				old := told{all: by{"y": float64(100 + n)}, came: evidence.Count{All: min(float64(n), 1)}}
				if c.baseline != nil {
					old = c.baseline[n]
				}
				look := evidence.Look{At: start.Add(time.Duration(n) * time.Second), Canary: canary, Baseline: baseline, Outside: []evidence.Answer{{
					Name: "orders", Canary: evidence.Counters{Failed: now.failed, All: now.all}, Baseline: evidence.Counters{Failed: old.failed, All: old.all}, Why: now.silent,
				}}}
				batches, err := l.Take(look)
				if err != nil || len(batches) != 1 {
					t.Fatal(batches, err)
				}
				got := batches[0].Outside[0]
				if got.Canary != now.came || got.Why != now.why {
					t.Errorf("look %d: %+v, not %+v", n, got, now)
				}
				if c.baseline != nil && got.Baseline != old.came {
					t.Errorf("look %d: %+v, not %+v of the stable group", n, got, old)
				}
			}
		})
	}
}

// TestNewsOfBothGroupsAreTakenTogether asks somebody who asks the candidate and
// what serves beside it at different moments.
func TestNewsOfBothGroupsAreTakenTogether(t *testing.T) {
	var l evidence.Ledger
	for n, look := range []struct{ canary, baseline, came, beside float64 }{
		{0, 500, 0, 0}, {10, 500, 0, 0}, {10, 530, 10, 30}, {20, 530, 0, 0}, {30, 530, 0, 0}, {30, 560, 20, 30}, {30, 590, 0, 0}, {40, 590, 10, 30},
	} {
		batches, err := l.Take(evidence.Look{At: start.Add(time.Duration(n) * time.Second), Weight: 1000, Canary: canary, Baseline: baseline, Outside: []evidence.Answer{{
			Name: "orders", Canary: evidence.Counters{All: by{"x": look.canary}}, Baseline: evidence.Counters{All: by{"y": look.baseline}},
		}}})
		if err != nil || len(batches) != 1 {
			t.Fatal(batches, err)
		}
		if got := batches[0].Outside[0]; got.Canary.All != look.came || got.Baseline.All != look.beside || got.Why != "" {
			t.Errorf("look %d: %+v, not %+v", n, got, look)
		}
	}
}

// shop is a world whose orders somebody else counts.
type shop struct {
	*world
	fails  [2]float64 // of the orders of the candidate and of the stable group
	failed [2]float64
	all    [2]float64
	silent string
	absent bool // there is no counter of failures, nor was one lately
	seldom bool // each side is asked every 15 s, at its own moment
	looks  int
	asked  [2]evidence.Counters
}

func newShop(candidate, stable float64) *shop {
	s := &shop{world: newWorld(1, 0, 0), fails: [2]float64{candidate, stable}}
	s.all[1], s.failed[1] = 5000, 100
	return s
}

func (s *shop) look() evidence.Look {
	for side, share := range []float64{float64(s.weight), float64(slipway.All - s.weight)} {
		n := 20 * share / float64(slipway.All)
		s.all[side] += n
		s.failed[side] += n * s.fails[side]
	}
	l := s.world.look()
	a := evidence.Answer{Name: "orders", Why: s.silent}
	s.looks++
	for side, at := range []int{3, 10} {
		if !s.seldom || s.looks%15 == at {
			s.asked[side] = evidence.Counters{Failed: by{"x": s.failed[side]}, All: by{"x": s.all[side]}}
		}
	}
	if s.silent == "" {
		a.Canary, a.Baseline = s.asked[0], s.asked[1]
	}
	if s.absent {
		a.Unheard, a.Canary.Failed, a.Baseline.Failed = true, nil, nil
	}
	l.Outside = []evidence.Answer{a}
	return l
}

func ordering(t *testing.T) *court {
	terms := slipway.DefaultEvidence
	terms.Promote.Margin = .02
	terms.Queries = []slipway.Query{{Name: "orders"}}
	return &court{T: t, Judge: evidence.New(terms, slipway.Web), rules: terms, kind: slipway.Web, ledger: []byte("{}")}
}

// hold looks at a shop for a while, or until the candidate has to go back.
func (c *court) hold(s *shop, d time.Duration) (v evidence.Verdict) {
	for end := s.now.Add(d); s.now.Before(end) && v.Decision != evidence.Rollback; {
		s.pass(time.Second)
		v = c.see(s.look())
	}
	return v
}

func TestOrdersThatFailAreSeen(t *testing.T) {
	for _, seldom := range []bool{false, true} {
		c, s := ordering(t), newShop(.3, .01)
		s.seldom = seldom
		c.hold(s, 10*time.Second)
		s.weigh(5000)
		v := c.hold(s, 90*time.Second)
		if v.Decision != evidence.Rollback || !strings.Contains(v.Why, "orders 30 % against 1") {
			t.Errorf("seldom: %v: %s: %s", seldom, v.Decision, v.Why)
		}
		t.Log(v.Why)
	}
}

func TestNoNewsIsNotGood(t *testing.T) {
	c, s := ordering(t), newShop(.01, .01)
	c.hold(s, 10*time.Second)
	for _, step := range []struct {
		name   string
		change func()
		want   string
	}{
		{"never asked", func() { s.weigh(5000); s.silent = "it is away" }, "orders: it is away."},
		{"does not answer", func() {}, "orders: it is away."},
	} {
		step.change()
		if v := c.hold(s, 30*time.Second); v.Decision != evidence.Inconclusive || !strings.Contains(v.Why, step.want) {
			t.Errorf("%s: %s: %s", step.name, v.Decision, v.Why)
		}
	}
	s.pass(time.Second) // a look at which nobody was asked
	if v := c.see(s.world.look()); v.Decision != evidence.Inconclusive || !strings.Contains(v.Why, "orders: it is away.") {
		t.Errorf("%s: %s", v.Decision, v.Why)
	}
	s.silent = ""
	if v := c.hold(s, time.Minute); v.Decision != evidence.Promote {
		t.Errorf("%s: %s", v.Decision, v.Why)
	}
}

func TestWhoWasNeverHeardHoldsACandidate(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"not asked", "orders: it has not answered yet"},
		{"counts nothing", "orders: it has counted nothing of the candidate yet"},
	} {
		court, s := ordering(t), newShop(0, 0)
		look := func() evidence.Verdict {
			s.pass(time.Second)
			l := s.world.look()
			if c.name == "counts nothing" {
				l.Outside = []evidence.Answer{{Name: "orders", Baseline: evidence.Counters{All: by{"y": s.rate}}}}
			}
			return court.see(l)
		}
		for range 10 {
			look()
		}
		s.weigh(5000)
		for range 60 {
			if v := look(); v.Decision != evidence.Inconclusive || !strings.Contains(v.Why, c.want) {
				t.Fatalf("%s: %s: %s", c.name, v.Decision, v.Why)
			}
		}
	}
}

// Failures that nobody counts under the name that is asked for are no good news, until
// somebody does, or a person promotes. What is known by then is told with the metric.
func TestFailuresThatNobodyCountsHoldACandidate(t *testing.T) {
	c, s := ordering(t), newShop(0, 0)
	s.failed[1], s.absent = 0, true
	c.hold(s, 10*time.Second)
	s.weigh(5000)
	v := c.hold(s, 2*time.Minute)
	if v.Decision != evidence.Inconclusive || !strings.Contains(v.Why, " requests; orders: there is no counter of its failures, nor was one of any release lately. See that failed is spelled right;") {
		t.Errorf("%s: %s", v.Decision, v.Why)
	}
	t.Log(v.Why)
	if lacks := v.Metrics[len(v.Metrics)-1].Lacks; lacks == "" || !strings.Contains(v.Why, lacks) {
		t.Errorf("of the metric is told %q", lacks)
	}
	c.replays(v)
	s.weigh(slipway.All) // by a person
	if v := c.hold(s, 10*time.Second); !strings.Contains(v.Metrics[len(v.Metrics)-1].Lacks, "See that failed is spelled right;") {
		t.Errorf("with all traffic: %+v", v.Metrics)
	}

	c, s = ordering(t), newShop(0, 0)
	s.failed[1], s.absent = 0, true
	c.hold(s, 10*time.Second)
	s.weigh(5000)
	c.hold(s, time.Minute)
	s.absent = false
	if v := c.hold(s, time.Minute); v.Decision != evidence.Promote || v.Metrics[len(v.Metrics)-1].Lacks != "" {
		t.Errorf("%s: %s", v.Decision, v.Why)
	}
}

func TestOrdersWithinTheMarginAreTolerated(t *testing.T) {
	for margin, want := range map[float64]bool{0: true, .1: false} {
		c, s := ordering(t), newShop(.08, .01)
		terms := slipway.DefaultEvidence
		terms.Rollback.Margin = margin
		terms.Queries = []slipway.Query{{Name: "orders"}}
		c.Judge = evidence.New(terms, slipway.Web)
		c.hold(s, 10*time.Second)
		s.weigh(5000)
		if v := c.hold(s, 10*time.Minute); (v.Decision == evidence.Rollback) != want {
			t.Errorf("margin %g: %s: %s", margin, v.Decision, v.Why)
		}
	}
}
