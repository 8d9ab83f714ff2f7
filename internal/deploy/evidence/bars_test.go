package evidence_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/evidence"
)

// found is after how many canary requests of at most so many an alarm came, for
// rates that may change with them; the benchmark canary measures more of this.
func found(seed uint64, most int, rates func(n int) (canary, stable float64)) (n int, alarmed bool) {
	r, a := rand.New(rand.NewPCG(seed, 3)), evidence.NewAlarm(slipway.DefaultEvidence.Rollback, false)
	for n < most {
		canary, stable := rates(n)
		a.Look(row(r, canary, stable))
		if n += 100; a.LogEvidence() >= math.Log(100) {
			return n, true
		}
	}
	return n, false
}

func TestRegressionsAreFoundNearTheLimit(t *testing.T) {
	const base, runs = .005, 60
	for _, worse := range []float64{.02, .05, .1} {
		o, err := evidence.Plan(slipway.DefaultEvidence.Rollback, base, worse, .1, 100)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0
		for seed := range uint64(runs) {
			n, _ := found(seed, 1_000_000, func(int) (float64, float64) { return worse, base })
			sum += n
		}
		if mean := float64(sum) / runs; mean > 1.1*(o.Requests+100) {
			t.Errorf("%g %%: %.0f requests on average, which should be about %.0f", 100*worse, mean, o.Requests)
		}
	}
}

func TestWhatIsToleratedSeldomAlarms(t *testing.T) {
	const runs = 100
	alarms := 0
	for seed := range uint64(runs) {
		_, alarmed := found(seed, 10_000, func(n int) (float64, float64) {
			stable := .005 * (1 + math.Sin(float64(n)/500)/2) // the day goes on
			if n%4000 < 200 {
				stable = .3 // for everybody
			}
			return 1.2 * stable, stable
		})
		if alarmed {
			alarms++
		}
	}
	if alarms > 2 {
		t.Errorf("%d of %d alarm; one in a hundred may", alarms, runs)
	}
}

func TestWhatBeginsLateIsFoundAsSoon(t *testing.T) {
	const runs, good = 30, 10_000
	sum := 0
	for seed := range uint64(runs) {
		n, _ := found(seed, 1_000_000, func(n int) (float64, float64) {
			if n < good {
				return .005, .005
			}
			return .02, .005
		})
		sum += n - good
	}
	if mean := float64(sum) / runs; mean > 3*554 {
		t.Errorf("%.0f requests on average, more than three times what is needed", mean)
	}
}

// settled are the rules from when latency is looked at.
func settled() slipway.Evidence {
	e := slipway.DefaultEvidence
	e.Settle = 0
	return e
}

// slowdown is whether a candidate whose requests take buckets longer goes back,
// and after how many.
func slowdown(t *testing.T, seed uint64, buckets slipway.Bucket, most int) (n int, alarmed bool) {
	t.Helper()
	r, j := rand.New(rand.NewPCG(seed, 4)), evidence.New(settled(), slipway.Web)
	took := func(n int, later slipway.Bucket) []evidence.Sample {
		h := slipway.Histogram{}
		for range n {
			h[slipway.BucketOf(50e6)+slipway.Bucket(23*r.NormFloat64())+later]++ // lognormal, sigma a half
		}
		return []evidence.Sample{{Instance: "i", Tally: slipway.Tally{Requests: uint64(n), Took: h}}}
	}
	look := func(b evidence.Batch) {
		if err := j.Look(b); err != nil {
			t.Fatal(err)
		}
	}
	look(evidence.Batch{At: start, Baseline: took(20_000, 0)})
	for n < most {
		n += 20
		look(evidence.Batch{At: start, Weight: 1000, Canary: took(20, buckets), Baseline: took(180, 0)})
		if j.Decision() == evidence.Rollback {
			return n, true
		}
	}
	return n, false
}

func TestSlownessIsFoundAndItsToleranceIsNot(t *testing.T) {
	for seed := range uint64(10) {
		if n, alarmed := slowdown(t, seed, slipway.DefaultEvidence.Latency, 4000); alarmed {
			t.Errorf("9 %% slower goes back after %d requests", n)
		}
		if n, alarmed := slowdown(t, seed, 19, 400); !alarmed {
			t.Errorf("51 %% slower does not go back within %d requests", n)
		}
	}
}

// TestPausesAreNoSlowness has instances of both sides stop for a moment now and
// then, which makes ten requests slow at once. What is alike must be left alone, or
// whoever collects garbage is never released again.
func TestPausesAreNoSlowness(t *testing.T) {
	const runs = 40
	alarms := 0
	for seed := range uint64(runs) {
		r, j := rand.New(rand.NewPCG(seed, 6)), evidence.New(settled(), slipway.Web)
		slow := [2]int{}
		took := func(side, n int) []evidence.Sample {
			h := slipway.Histogram{}
			for range n {
				b := slipway.BucketOf(50e6) + slipway.Bucket(23*r.NormFloat64())
				if r.IntN(2000) == 0 {
					slow[side] = 10
				}
				if slow[side] > 0 {
					slow[side]--
					b += 100
				}
				h[b]++
			}
			return []evidence.Sample{{Instance: "i", Tally: slipway.Tally{Requests: uint64(n), Took: h}}}
		}
		look := func(b evidence.Batch) {
			if err := j.Look(b); err != nil {
				t.Fatal(err)
			}
		}
		look(evidence.Batch{At: start, Baseline: took(1, 20_000)})
		for range 30 { // it is looked at before the candidate has weight
			look(evidence.Batch{At: start, Baseline: took(1, 200)})
		}
		for range 300 {
			look(evidence.Batch{At: start, Weight: 1000, Canary: took(0, 20), Baseline: took(1, 180)})
		}
		if j.Decision() == evidence.Rollback {
			alarms++
		}
	}
	if t.Logf("%d of %d", alarms, runs); alarms > 1 {
		t.Errorf("%d of %d go back", alarms, runs)
	}
}
