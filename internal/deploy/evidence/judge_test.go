package evidence_test

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/evidence"
)

// court is a judge with the ledger that feeds it, both kept as JSON between two
// looks, as a server keeps them.
type court struct {
	*testing.T
	*evidence.Judge
	rules   slipway.Evidence
	kind    slipway.Kind
	first   bool
	ledger  []byte
	batches [][]byte
}

func open(t *testing.T) *court {
	return &court{T: t, Judge: evidence.New(slipway.DefaultEvidence, slipway.Web), rules: slipway.DefaultEvidence, kind: slipway.Web, ledger: []byte("{}")}
}

// openFirst is of a candidate before which nothing served.
func openFirst(t *testing.T) *court {
	c := open(t)
	c.first, c.Judge = true, evidence.NewFirst(c.rules)
	return c
}

func (c *court) see(l evidence.Look) evidence.Verdict {
	c.Helper()
	var ledger evidence.Ledger
	if err := json.Unmarshal(c.ledger, &ledger); err != nil {
		c.Fatal(err)
	}
	batches, err := ledger.Take(l)
	if err != nil {
		c.Fatal(err)
	}
	if c.ledger, err = json.Marshal(ledger); err != nil {
		c.Fatal(err)
	}
	for _, b := range batches {
		text, err := json.Marshal(b)
		if err != nil {
			c.Fatal(err)
		}
		c.batches = append(c.batches, text)
		if err := c.Look(b); err != nil {
			c.Fatal(err)
		}
	}
	return c.Verdict()
}

// until looks at a world until something but the given decision is reached.
func (c *court) until(w *world, d time.Duration, not evidence.Decision) evidence.Verdict {
	c.Helper()
	end := w.now.Add(d)
	v := c.Verdict()
	for w.now.Before(end) {
		w.pass(250 * time.Millisecond)
		if v = c.see(w.look()); v.Decision != not {
			break
		}
	}
	c.replays(v)
	return v
}

// replays checks that the batches alone lead to the same verdict.
func (c *court) replays(v evidence.Verdict) {
	c.Helper()
	again := evidence.New(c.rules, c.kind)
	if c.first {
		again = evidence.NewFirst(c.rules)
	}
	for _, text := range c.batches {
		var b evidence.Batch
		if err := json.Unmarshal(text, &b); err != nil {
			c.Fatal(err)
		}
		if err := again.Look(b); err != nil {
			c.Fatal(err)
		}
	}
	if got := again.Verdict(); !reflect.DeepEqual(got, v) {
		c.Errorf("replayed: %+v\nseen:     %+v", got, v)
	}
}

func decided(t *testing.T, v evidence.Verdict, want evidence.Decision, words ...string) {
	t.Helper()
	if v.Decision != want {
		t.Fatalf("%s; want %s: %s", v.Decision, want, v.Why)
	}
	for _, w := range words {
		if !strings.Contains(v.Why, w) {
			t.Errorf("%q does not say %q", v.Why, w)
		}
	}
	t.Log(v.Why)
}

func begun(t *testing.T, w *world) *court {
	c := open(t)
	w.pass(time.Minute)
	decided(t, c.see(w.look()), evidence.Inconclusive)
	w.weigh(1000)
	return c
}

func TestAWorseCandidateGoesBack(t *testing.T) {
	w := newWorld(1, .001, .05)
	v := begun(t, w).until(w, time.Minute, evidence.Inconclusive)
	decided(t, v, evidence.Rollback, "ROLLED BACK after", "errors", "limit 1.2", "to 1.")
	if v.Lasted > 15*time.Second || v.RatioLow < 1.2 {
		t.Errorf("after %s, ratio %g", v.Lasted, v.RatioLow)
	}
}

func TestADeadCandidateGoesBack(t *testing.T) {
	w := newWorld(2, .005, 1)
	v := begun(t, w).until(w, time.Minute, evidence.Inconclusive)
	if decided(t, v, evidence.Rollback); v.CanaryRequests > 64 {
		t.Errorf("after %d requests", v.CanaryRequests)
	}
}

func TestAnEqualCandidateIsPromoted(t *testing.T) {
	w := newWorld(3, .001, .001)
	c := begun(t, w)
	decided(t, c.until(w, 3*time.Minute, evidence.Inconclusive), evidence.Continue, "a tenfold rise is excluded", "It is promoted when errors", "were shown to be as before, after about")
	w.weigh(5000)
	decided(t, c.until(w, 4*time.Minute, evidence.Continue), evidence.Promote, "errors at most 1.5 times + 0.25 pp")
}

// What the stable group was like before may be no measure of what both are like now.
func TestCutsThatDoNotFitAreChosenAnew(t *testing.T) {
	usual := newWorld(3, .001, .001).sides[1].takes
	for name, before := range map[string]func(*rand.Rand) time.Duration{
		"it stood still now and then": func(r *rand.Rand) time.Duration { return usual(r) + time.Duration(r.IntN(8)/7)*time.Second },
		"it had nothing to do":        func(r *rand.Rand) time.Duration { return usual(r) / 10 },
	} {
		w := newWorld(3, .001, .001)
		w.sides[1].takes = before
		c := begun(t, w)
		w.sides[1].takes = usual
		v := c.until(w, 3*time.Minute, evidence.Inconclusive)
		w.weigh(5000)
		if v = c.until(w, 4*time.Minute, evidence.Continue); v.Decision != evidence.Promote {
			t.Errorf("%s: %s", name, v.Why)
		}
		t.Log(v.Why)
	}
}

// halfway is of a candidate that has half of the requests, for so long that they count.
func halfway(t *testing.T, w *world) *court {
	c := begun(t, w)
	decided(t, c.until(w, 3*time.Minute, evidence.Inconclusive), evidence.Continue)
	w.weigh(5000)
	for range 2 {
		w.pass(slipway.DefaultEvidence.Settle)
		c.see(w.look())
	}
	return c
}

// All that an instance has in flight is late together when it stands still for a
// moment: that is one event, however many requests it was.
func TestOneMomentConvictsNobody(t *testing.T) {
	w := newWorld(3, .001, .001)
	usual, c := w.sides[0].takes, halfway(t, w)
	w.sides[0].takes = func(r *rand.Rand) time.Duration { return usual(r) + 300*time.Millisecond }
	w.pass(300 * time.Millisecond)
	stood := c.see(w.look())
	w.sides[0].takes = usual
	if stood.Evidence < 1 {
		t.Errorf("that it stood still was not seen: evidence %g", stood.Evidence)
	}
	decided(t, c.until(w, 3*time.Minute, evidence.Continue), evidence.Promote)
}

// That happens again and again to whoever shares a busy machine: how many come
// together is learned of the candidate too.
func TestMomentsOfTheCandidateAreLearned(t *testing.T) {
	w := newWorld(3, .001, .001)
	usual, c := w.sides[0].takes, halfway(t, w)
	for range 8 {
		w.sides[0].takes = func(r *rand.Rand) time.Duration { return usual(r) + 150*time.Millisecond }
		w.pass(120 * time.Millisecond)
		w.sides[0].takes = usual
		for range 20 {
			w.pass(time.Second)
			if v := c.see(w.look()); v.Decision == evidence.Rollback {
				t.Fatal(v.Why)
			}
		}
	}
	t.Log(c.Verdict().Why)
}

func TestFewRequestsDecideNothing(t *testing.T) {
	w := newWorld(4, .001, .001)
	c := begun(t, w)
	decided(t, c.until(w, 8*time.Second, evidence.Inconclusive), evidence.Inconclusive, "excluding a tenfold rise would need about", "raise the share to 50 %", "or promote by hand.")
}

func TestACandidateThatHangsGoesBack(t *testing.T) {
	w := newWorld(5, .001, .001)
	w.sides[0].takes = func(*rand.Rand) time.Duration { return 24 * time.Hour }
	decided(t, begun(t, w).until(w, 10*time.Second, evidence.Inconclusive), evidence.Rollback, "slower")
}

func TestASlowCandidateIsToldByHowMuch(t *testing.T) {
	w := newWorld(5, .001, .001)
	usual := w.sides[0].takes
	w.sides[0].takes = func(r *rand.Rand) time.Duration { return 2 * usual(r) }
	v := begun(t, w).until(w, time.Minute, evidence.Inconclusive)
	decided(t, v, evidence.Rollback, "is slower, ", " ms against ", " would be tolerated. Evidence")
	for _, m := range v.Metrics {
		if m.Name == evidence.Latency && !(m.Canary.Rate() > 1.2*m.Baseline.Rate() && m.Baseline.All > 1000) {
			t.Errorf("over the cut are %+v, of the stable group %+v", m.Canary, m.Baseline)
		}
	}
}

// An instance that is new is slow at first: that is no verdict.
func TestAColdStartIsNoEvidence(t *testing.T) {
	w := newWorld(7, .001, .001)
	usual := w.sides[0].takes
	w.sides[0].takes = func(r *rand.Rand) time.Duration { return 5 * usual(r) }
	c := begun(t, w)
	decided(t, c.until(w, slipway.DefaultEvidence.Settle-time.Second, evidence.Inconclusive), evidence.Inconclusive)
	w.sides[0].takes = usual
	decided(t, c.until(w, 3*time.Minute, evidence.Inconclusive), evidence.Continue)
}

func TestACandidateThatRefusesEverybodyGoesBack(t *testing.T) {
	w := newWorld(6, .001, .001)
	w.sides[0].refuses, w.sides[1].refuses = 1, .01
	decided(t, begun(t, w).until(w, 15*time.Second, evidence.Inconclusive), evidence.Rollback, "4xx")
}

func TestABadInstanceIsReplaced(t *testing.T) {
	w := newWorld(7, .002, .002)
	w.sides[0].instances = []slipway.InstanceID{"c1", "c2", "c3"}
	w.sides[0].fails = func(i slipway.InstanceID) float64 { return map[slipway.InstanceID]float64{"c2": .5}[i] + .002 }
	c := begun(t, w)
	decided(t, c.until(w, time.Minute, evidence.Inconclusive), evidence.ReplaceInstance, "REPLACE c2", "not the version")
	w.sides[0].instances = []slipway.InstanceID{"c1", "c3", "c4"}
	w.pass(time.Second)
	l := w.look()
	l.Except = "c2"
	if v := c.see(l); v.Decision != evidence.Inconclusive || v.Evidence > 2 {
		t.Errorf("without it: %s", v.Why)
	}
}

func TestAFirstDeploymentIsGuarded(t *testing.T) {
	w := newWorld(8, 0, .5)
	c := open(t)
	w.weigh(slipway.All)
	decided(t, c.until(w, 10*time.Second, evidence.Inconclusive), evidence.Rollback, "nothing beside it")
	w = newWorld(8, 0, .002)
	c = open(t)
	w.weigh(slipway.All)
	decided(t, c.until(w, time.Minute, evidence.Rollback), evidence.Inconclusive, "nothing has alarmed")
}

// Where nothing served before, what is worse is no reason to go back to nothing. How
// it goes on is told, for who has to decide.
func TestAFirstReleaseThatIsWorseIsForAPersonToDecide(t *testing.T) {
	w := newWorld(9, 0, .05)
	c := openFirst(t)
	w.weigh(slipway.All)
	v := c.until(w, time.Minute, evidence.Inconclusive)
	decided(t, v, evidence.Worse, "WORSE after", "errors 6.5 % with nothing beside it; 1 % are tolerated. Evidence", "Nothing is there to go back to: promote or abort it.")
	w.sides[0].fails = always(0)
	w.pass(time.Minute)
	later := c.see(w.look())
	decided(t, later, evidence.Worse, v.Why+" Since then errors 0 % of 12")
	if later.CanaryRequests < v.CanaryRequests+10_000 {
		t.Errorf("after %d requests it is at %d", v.CanaryRequests, later.CanaryRequests)
	}
	c.replays(later)

	w = newWorld(10, 0, .002)
	c = openFirst(t)
	decided(t, c.Verdict(), evidence.Inconclusive, "no requests yet")
	w.weigh(slipway.All)
	decided(t, c.until(w, time.Minute, evidence.Inconclusive), evidence.Inconclusive, "errors 0.", " % with nothing beside it; 1 % are tolerated, and nothing has alarmed.")
}

// What it is held against in a bake is what is told: where the stable group failed
// more often than is tolerated anyhow, that.
func TestABakeIsHeldAgainstWhatServedBefore(t *testing.T) {
	w := newWorld(11, .1, .5)
	c := open(t)
	w.pass(time.Minute)
	c.see(w.look())
	w.weigh(slipway.All)
	decided(t, c.until(w, 10*time.Second, evidence.Inconclusive), evidence.Rollback, "ROLLED BACK after", " % with nothing beside it; 12")
}

// All of alpha is the guard's where nothing else can be compared. In cells, twice
// what is tolerated is 14.9 % where 7.7 % are: no test takes less than L = 159 of
// them, or 1274 requests, and 1.35 L may be taken.
func TestHowSoonAFirstReleaseIsFoundToBeWorse(t *testing.T) {
	const runs = 30
	alarms := func(rate float64, length time.Duration) (found int, requests uint64) {
		for seed := range uint64(runs) {
			w := newWorld(seed, 0, rate)
			w.weigh(slipway.All)
			if v := openFirst(t).until(w, length, evidence.Inconclusive); v.Decision == evidence.Worse {
				found, requests = found+1, requests+v.CanaryRequests
			}
		}
		return found, requests
	}
	slo := slipway.DefaultEvidence.SLO
	if n, requests := alarms(2*slo, time.Minute); n < runs || requests > 1770*runs {
		t.Errorf("twice what is tolerated: %d of %d found, after %d requests on average", n, runs, requests/uint64(max(n, 1)))
	}
	if n, _ := alarms(slo, 2*time.Minute); n > 1 {
		t.Errorf("just what is tolerated: %d of %d alarm; one in a hundred may", n, runs)
	}
}

func TestABadInstanceOfAFirstReleaseIsReplaced(t *testing.T) {
	w := newWorld(12, 0, .001)
	w.sides[0].instances = []slipway.InstanceID{"c1", "c2", "c3"}
	w.sides[0].fails = func(i slipway.InstanceID) float64 { return map[slipway.InstanceID]float64{"c2": .5}[i] }
	c := openFirst(t)
	w.weigh(slipway.All)
	decided(t, c.until(w, time.Minute, evidence.Inconclusive), evidence.ReplaceInstance, "REPLACE c2 after", "with nothing beside it")
}
