package placebo_test

import (
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/placebo"
)

var web = slipway.TargetID{Service: "web", Environment: "prod"}

// world is a router that counts one of eight requests apart.
type world struct {
	*rand.Rand
	now            time.Time
	fails          [2]float64 // of the rest, of the part
	counts         map[bool]*slipway.Counted
	open           map[bool][]bool // of the cell that is not full
	reads          int
	trials, alarms int
}

func newWorld(seed uint64) (*world, *placebo.Placebo) {
	w := &world{Rand: rand.New(rand.NewPCG(seed, 7)), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), counts: map[bool]*slipway.Counted{}, open: map[bool][]bool{}, fails: [2]float64{.01, .01}}
	for _, arm := range []bool{false, true} {
		w.counts[arm] = &slipway.Counted{Router: "r1", Boot: "x", Fence: slipway.Fence{Epoch: 1, Generation: 1}, Group: "g1", Weight: slipway.All, Instance: "i-1", Placebo: arm,
			Tally: slipway.Tally{Failures: map[slipway.Failure]uint64{}, Took: slipway.Histogram{}}}
	}
	return w, &placebo.Placebo{Witness: w, Store: w, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return w.now }}
}

func (w *world) Counting(context.Context) []slipway.TargetID { return []slipway.TargetID{web} }

func (w *world) Counted(context.Context, slipway.TargetID) []slipway.Counted {
	w.reads++
	var all []slipway.Counted
	for _, arm := range []bool{false, true} {
		c := *w.counts[arm]
		c.Failures, c.Took = maps.Clone(c.Failures), maps.Clone(c.Took)
		all = append(all, c)
	}
	return all
}

func (w *world) AddPlacebo(_ context.Context, t slipway.TargetID, trials, alarms int) error {
	if t != web {
		panic(t)
	}
	w.trials, w.alarms = w.trials+trials, w.alarms+alarms
	return nil
}

// pass has so many requests asked, and ten seconds gone.
func (w *world) pass(requests int) {
	w.now = w.now.Add(10 * time.Second)
	for range requests {
		arm := w.IntN(8) == 0
		c, n := w.counts[arm], 0
		if arm {
			n = 1
		}
		failed := w.Float64() < w.fails[n]
		if c.Requests++; failed {
			c.Failures[slipway.FailedAnswer]++
		}
		c.Took[slipway.BucketOf(time.Duration(2e6*(1+w.ExpFloat64())))]++
		if w.open[arm] = append(w.open[arm], failed); len(w.open[arm]) == slipway.CellSize {
			c.Cells.All++
			for _, f := range w.open[arm] {
				if f {
					c.Cells.Failed++
					break
				}
			}
			w.open[arm] = nil
		}
	}
}

func TestTrialsOfEqualsEnd(t *testing.T) {
	w, p := newWorld(1)
	for range 700 {
		w.pass(3000)
		p.Look(t.Context())
	}
	if w.trials < 20 || w.alarms > 2 {
		t.Errorf("%d alarms in %d trials", w.alarms, w.trials)
	}
}

// A counter that lies about the part is found: an alarm rate above the promise
// says that something is wrong with what is counted.
func TestADifferenceIsAnAlarm(t *testing.T) {
	w, p := newWorld(2)
	w.fails[1] = .3
	for range 20 {
		w.pass(3000)
		p.Look(t.Context())
	}
	if w.trials == 0 || w.alarms != w.trials {
		t.Errorf("%d alarms in %d trials", w.alarms, w.trials)
	}
}

func TestATrialEndsWithTheDay(t *testing.T) {
	w, p := newWorld(3)
	for range 24*360 + 10 {
		w.pass(0)
		if w.now.Minute() == 0 && w.now.Second() == 0 {
			w.pass(5)
		}
		p.Look(t.Context())
	}
	if w.trials != 1 || w.alarms != 0 {
		t.Errorf("%d alarms in %d trials", w.alarms, w.trials)
	}
}

func TestWhatWasCountedBeforeIsOfNoTrial(t *testing.T) {
	w, p := newWorld(4)
	w.fails[1] = 1
	w.pass(3000)
	w.fails[1] = .01
	for range 20 {
		p.Look(t.Context())
		w.pass(3000)
	}
	if w.alarms != 0 {
		t.Errorf("%d alarms in %d trials", w.alarms, w.trials)
	}
}
