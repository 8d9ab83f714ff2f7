package evidence_test

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/evidence"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is a router with a candidate and a stable group behind it.
type world struct {
	*rand.Rand
	now    time.Time
	fence  slipway.Fence
	stage  int
	weight slipway.BasisPoints
	rate   float64 // requests a second
	sides  [2]group
	boot   string // of the router
	draws  int    // what is drawn instead of the weight
	counts map[where]*slipway.Counted
	recent map[where][]bool // of the cell that is not full, whether each failed
}

type where struct {
	boot     string
	fence    slipway.Fence
	instance slipway.InstanceID
}

// group is how instances behave.
type group struct {
	id        slipway.GroupID
	instances []slipway.InstanceID
	fails     func(slipway.InstanceID) float64
	refuses   float64
	takes     func(*rand.Rand) time.Duration
}

const (
	canary   = slipway.GroupID("g2")
	baseline = slipway.GroupID("g1")
)

func newWorld(seed uint64, base, worse float64) *world {
	w := &world{Rand: rand.New(rand.NewPCG(seed, 1)), now: start, fence: slipway.Fence{Epoch: 1, Generation: 1}, rate: 200,
		counts: map[where]*slipway.Counted{}, recent: map[where][]bool{}}
	takes := func(r *rand.Rand) time.Duration {
		return time.Duration(20e6 * (1 + r.ExpFloat64()))
	}
	w.sides = [2]group{
		{id: canary, instances: []slipway.InstanceID{"c1"}, fails: always(worse), takes: takes},
		{id: baseline, instances: []slipway.InstanceID{"b1", "b2", "b3"}, fails: always(base), takes: takes},
	}
	return w
}

func always(p float64) func(slipway.InstanceID) float64 {
	return func(slipway.InstanceID) float64 { return p }
}

// weigh gives the candidate weight by a new route.
func (w *world) weigh(p slipway.BasisPoints) {
	w.stage, w.weight, w.fence = w.stage+1, p, w.fence.Next()
}

// pass lets time go by.
func (w *world) pass(d time.Duration) {
	w.now = w.now.Add(d)
	for range int(w.rate*d.Seconds() + w.Float64()) {
		side := 1
		if w.IntN(int(slipway.All)) < cmp.Or(w.draws, int(w.weight)) {
			side = 0
		}
		w.ask(side)
	}
}

func (w *world) ask(side int) {
	g := w.sides[side]
	at := where{w.boot, w.fence, g.instances[w.IntN(len(g.instances))]}
	c := w.counts[at]
	if c == nil {
		weight := w.weight
		if side == 1 {
			weight = slipway.All - w.weight
		}
		c = &slipway.Counted{Router: "r1", Boot: w.boot, Fence: w.fence, Group: g.id, Weight: weight, Instance: at.instance,
			Tally: slipway.Tally{Failures: map[slipway.Failure]uint64{}, Took: slipway.Histogram{}}}
		w.counts[at] = c
	}
	failed := w.Float64() < g.fails(at.instance)
	refused := !failed && w.Float64() < g.refuses
	c.Requests++
	if failed {
		c.Failures[slipway.FailedAnswer]++
		c.Late = c.Failures[slipway.FailedAnswer] / 2
	}
	if refused {
		c.Refusals++
	}
	if took := g.takes(w.Rand); took < time.Hour {
		c.Took[slipway.BucketOf(took)]++
	} else { // it hangs
		c.Requests--
		if c.Open == nil {
			c.Open = slipway.Histogram{}
		}
		c.Open[slipway.BucketOf(30*time.Second)]++
		return
	}
	w.recent[at] = append(w.recent[at], failed, refused)
	if cell := w.recent[at]; len(cell) == 2*slipway.CellSize {
		c.Cells.All++
		for kind, n := range []*uint64{&c.Cells.Failed, &c.Cells.Refused} {
			for at := kind; at < len(cell); at += 2 {
				if cell[at] {
					*n++
					break
				}
			}
		}
		w.recent[at] = nil
	}
}

func (w *world) look() evidence.Look {
	l := evidence.Look{At: w.now, Stage: w.stage, Weight: w.weight, Canary: canary, Baseline: baseline}
	for _, c := range w.counts {
		n := *c
		n.Failures, n.Took, n.Open = maps.Clone(c.Failures), maps.Clone(c.Took), maps.Clone(c.Open)
		l.Counted = append(l.Counted, n)
	}
	return l
}
