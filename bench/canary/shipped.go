package canary

import (
	"math/rand/v2"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/evidence"
)

// shipped judges as a server does: all metrics, one alpha.
type shipped struct {
	*evidence.Judge
	at time.Time
}

func newShipped() *shipped {
	return &shipped{Judge: evidence.New(rules, slipway.Web), at: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
}

// look reports whether the candidate goes back after what was counted in a time
// with a share of the traffic.
func (s *shipped) look(took time.Duration, weight slipway.BasisPoints, canary, stable slipway.Tally) bool {
	b := evidence.Batch{Since: s.at, At: s.at.Add(took), Stage: 1, Split: slipway.Fence{Epoch: 1, Generation: 1}, Weight: weight, Sticky: true}
	b.Canary = []evidence.Sample{{Instance: "c", Tally: canary}}
	b.Baseline = []evidence.Sample{{Instance: "b", Tally: stable}}
	s.at = b.At
	if err := s.Look(b); err != nil {
		panic(err) // it is this simulation that is wrong
	}
	return s.Decision() == evidence.Rollback
}

// errors is the rule for counts of cells.
func errors() rule {
	s := newShipped()
	return func(r evidence.Row) bool {
		w := weight(share)
		if r.Canary.All == 0 {
			w = 0 // not yet
		}
		return s.look(5*time.Second, w, ofCells(r.Canary), ofCells(r.Baseline))
	}
}

func ofCells(c evidence.Count) slipway.Tally {
	all, failed := uint64(c.All), uint64(c.Failed)
	return slipway.Tally{Requests: all * slipway.CellSize, Cells: slipway.Cells{All: all, Failed: failed}}
}

// dead plays a canary that fails always, at 200 requests a second, looked at every
// 250 ms: one instance beside three, each with the two arms that a router counts in.
func dead(r *rand.Rand) (requests int, took time.Duration) {
	const tick, rate, placebo = 250 * time.Millisecond, 200, 8
	s := newShipped()
	before := cells{size: slipway.CellSize, burst: 1}
	s.look(time.Minute, 0, slipway.Tally{}, ofCells(before.count(r, 60*rate, base)))
	canary := [2]cells{{size: slipway.CellSize, burst: 1}, {size: slipway.CellSize, burst: 1}}
	var stable [6]cells
	for n := range stable {
		stable[n] = canary[0]
	}
	arm := func() int {
		if r.IntN(placebo) == 0 {
			return 1
		}
		return 0
	}
	for {
		var c, b slipway.Tally
		for range int(rate * tick.Seconds()) {
			if r.Float64() < share {
				requests++
				count(&c, canary[arm()].count(r, 1, 1))
			} else {
				count(&b, stable[2*r.IntN(3)+arm()].count(r, 1, base))
			}
		}
		took += tick
		if s.look(tick, weight(share), c, b) || took > time.Hour {
			return requests, took
		}
	}
}

func count(t *slipway.Tally, full evidence.Count) {
	t.Requests++
	t.Cells.All += uint64(full.All)
	t.Cells.Failed += uint64(full.Failed)
}

func weight(share float64) slipway.BasisPoints {
	return slipway.BasisPoints(share * float64(slipway.All))
}
