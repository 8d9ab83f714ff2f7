package evidence_test

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/evidence"
)

// samples are any that can have been counted, however unlikely.
func samples(t *rapid.T, name string) (all []evidence.Sample) {
	many := rapid.OneOf(rapid.Uint64Range(0, 5), rapid.Uint64Range(0, 1<<40))
	upTo := func(n uint64) uint64 { return rapid.OneOf(rapid.Just(n), rapid.Uint64Range(0, n)).Draw(t, "part") }
	for range rapid.IntRange(0, 3).Draw(t, name) {
		s := evidence.Sample{Instance: slipway.InstanceID(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "instance")), Placebo: rapid.Bool().Draw(t, "placebo")}
		s.Requests = many.Draw(t, "requests")
		s.Late = rapid.Uint64Range(0, 5).Draw(t, "late")
		s.Failures = map[slipway.Failure]uint64{slipway.FailedAnswer: upTo(s.Requests), slipway.FailedReset: upTo(s.Late)}
		s.Refusals = upTo(s.Requests)
		s.Cells.All = s.Requests / slipway.CellSize
		s.Cells.Failed, s.Cells.Refused = upTo(s.Cells.All), upTo(s.Cells.All)
		bucket := rapid.Custom(func(t *rapid.T) slipway.Bucket {
			return slipway.Bucket(rapid.IntRange(int(slipway.FirstBucket), int(slipway.LastBucket)).Draw(t, "bucket"))
		})
		s.Took = slipway.Histogram{bucket.Draw(t, "took"): s.Requests}
		s.Opened = map[slipway.Bucket]int64{bucket.Draw(t, "open"): rapid.Int64Range(-100, 100).Draw(t, "opened")}
		s.Minutes, s.Errors = float64(upTo(100)), upTo(1000)
		for range rapid.IntRange(0, 2).Draw(t, "classes") {
			s.Classes = append(s.Classes, evidence.Class{ID: rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "class"), Title: "boom", Count: 1 + upTo(50)})
		}
		all = append(all, s)
	}
	return all
}

// TestAnyBatchesGiveAVerdict bets on whatever can have been counted: evidence is
// a number, not below 0, a verdict can be kept as JSON, and the same batches lead
// to the same again.
func TestAnyBatchesGiveAVerdict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]slipway.Kind{slipway.Web, slipway.Worker}).Draw(t, "kind")
		rules := slipway.DefaultEvidence
		rules.Rollback.Margin = rapid.SampledFrom([]float64{0, .002}).Draw(t, "margin")
		judge, again := evidence.New(rules, kind), evidence.New(rules, kind)
		at := start
		for n := range rapid.IntRange(1, 12).Draw(t, "batches") {
			at = at.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "seconds")) * time.Second)
			b := evidence.Batch{At: at, Stage: n / 4, Split: slipway.Fence{Generation: uint64(n / 3)}, Sticky: rapid.Bool().Draw(t, "sticky"),
				Weight: slipway.BasisPoints(rapid.SampledFrom([]int{0, 1, 1000, 5000, 10000}).Draw(t, "weight")),
				Canary: samples(t, "canary"), Baseline: samples(t, "baseline")}
			if n > 8 {
				b.Except = "a"
			}
			text, err := json.Marshal(b)
			if err != nil {
				t.Fatal(err)
			}
			var read evidence.Batch
			if err := json.Unmarshal(text, &read); err != nil {
				t.Fatal(err)
			}
			if err := judge.Look(b); err != nil {
				t.Fatal(err)
			}
			if err := again.Look(read); err != nil {
				t.Fatal(err)
			}
			v := judge.Verdict()
			for _, m := range append(v.Metrics, evidence.Metric{E: v.Evidence}) {
				if !(m.E >= 0) || math.IsInf(m.E, 0) {
					t.Fatalf("evidence of %s is %g", m.Name, m.E)
				}
			}
			if !(v.RatioLow >= 0) || !(v.RatioHigh >= 0) || v.Why == "" {
				t.Fatalf("%+v", v)
			}
			if _, err := json.Marshal(v); err != nil {
				t.Fatal(err)
			}
		}
		if v, w := judge.Verdict(), again.Verdict(); !reflect.DeepEqual(v, w) {
			t.Fatalf("seen:     %+v\nreplayed: %+v", v, w)
		}
		for what, v := range map[string]any{"history": judge.History(), "quantiles": judge.Quantiles(), "classes": judge.Classes()} {
			if _, err := json.Marshal(v); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
		}
	})
}

// TestNothingIsLostOrDoubled has routers that are not heard for a while or start
// anew, and a ledger that is kept as JSON: what the batches add up to is what was
// counted.
func TestNothingIsLostOrDoubled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(rapid.Uint64().Draw(t, "seed"), .1, .2)
		w.sides[0].refuses = .1
		w.weigh(5000)
		kept, got := []byte("{}"), map[slipway.Fence]slipway.Tally{}
		take := func(heard func(slipway.Counted) bool) {
			var l evidence.Ledger
			if err := json.Unmarshal(kept, &l); err != nil {
				t.Fatal(err)
			}
			look := w.look()
			all := look.Counted
			look.Counted = nil
			for _, c := range all {
				if heard(c) {
					look.Counted = append(look.Counted, c)
				}
			}
			batches, err := l.Take(look)
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range batches {
				sum := got[b.Split]
				for _, s := range append(b.Canary, b.Baseline...) {
					add(&sum, s.Tally)
				}
				got[b.Split] = sum
			}
			if kept, err = json.Marshal(l); err != nil {
				t.Fatal(err)
			}
		}
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				w.weigh(slipway.BasisPoints(rapid.IntRange(500, 9500).Draw(t, "weight")))
			case 1:
				w.boot += "x"
			}
			w.pass(time.Second)
			deaf := slipway.InstanceID(rapid.SampledFrom([]string{"", "b1", "b2"}).Draw(t, "deaf"))
			take(func(c slipway.Counted) bool { return c.Instance != deaf })
		}
		take(func(slipway.Counted) bool { return true })
		want := map[slipway.Fence]slipway.Tally{}
		for at, c := range w.counts {
			sum := want[at.fence]
			add(&sum, c.Tally)
			want[at.fence] = sum
		}
		for fence, sum := range want {
			if sum.Open = nil; !reflect.DeepEqual(got[fence], sum) {
				t.Fatalf("route %s: %+v; counted were %+v", fence, got[fence], sum)
			}
		}
	})
}

func add(to *slipway.Tally, t slipway.Tally) {
	to.Requests += t.Requests
	to.Refusals += t.Refusals
	to.Late += t.Late
	to.Cells.All += t.Cells.All
	to.Cells.Failed += t.Cells.Failed
	to.Cells.Refused += t.Cells.Refused
	if to.Failures == nil {
		to.Failures, to.Took = map[slipway.Failure]uint64{}, slipway.Histogram{}
	}
	for f, n := range t.Failures {
		to.Failures[f] += n
	}
	for b, n := range t.Took {
		to.Took[b] += n
	}
}

// TestNoCountGoesBackwards tries each of them.
func TestNoCountGoesBackwards(t *testing.T) {
	for name, less := range map[string]func(*slipway.Tally){
		"requests":      func(t *slipway.Tally) { t.Requests-- },
		"refusals":      func(t *slipway.Tally) { t.Refusals-- },
		"late failures": func(t *slipway.Tally) { t.Late-- },
		"failures":      func(t *slipway.Tally) { t.Failures[slipway.FailedAnswer]-- },
		"no failures":   func(t *slipway.Tally) { t.Failures = nil },
		"cells":         func(t *slipway.Tally) { t.Cells.All-- },
		"failed cells":  func(t *slipway.Tally) { t.Cells.Failed-- },
		"refused cells": func(t *slipway.Tally) { t.Cells.Refused-- },
		"durations":     func(t *slipway.Tally) { t.Took = slipway.Histogram{} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(1, .5, .5)
			w.sides[0].refuses, w.sides[1].refuses = .5, .5
			w.weigh(5000)
			w.pass(10 * time.Second)
			var l evidence.Ledger
			if _, err := l.Take(w.look()); err != nil {
				t.Fatal(err)
			}
			before, err := json.Marshal(l)
			if err != nil {
				t.Fatal(err)
			}
			w.pass(time.Millisecond)
			bad := w.look()
			less(&bad.Counted[0].Tally)
			if _, err := l.Take(bad); slipway.CodeOf(err) != slipway.Conflict {
				t.Errorf("taken: %v", err)
			}
			if after, err := json.Marshal(l); err != nil || string(after) != string(before) {
				t.Errorf("what was refused is remembered: %v", err)
			}
		})
	}
}
