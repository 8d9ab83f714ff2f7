package evidence

import (
	"maps"
	"math"
	"slices"

	"github.com/slipway-cd/slipway"
)

// maxClasses bounds the classes of errors that are told apart.
const maxClasses = 1000

// novel bets on classes of errors that the stable group has never shown. The first
// error of a class names it, and the bets start with the next: a class that is
// chosen because it was seen must not win by that. The k-th class has 1/(k(k+1)) of
// the money; what has not been laid out yet is kept.
type novel struct {
	order []string
	bets  map[string]contest
	bound slipway.Bound
	every float64
}

func newNovel(b slipway.Bound, every float64) novel {
	return novel{bets: map[string]contest{}, bound: slipway.Bound{Ratio: b.Ratio}, every: every}
}

func (v novel) clone() novel {
	v.order, v.bets = slices.Clone(v.order), maps.Clone(v.bets)
	for id, c := range v.bets {
		v.bets[id] = c.clone()
	}
	return v
}

// look bets on the errors of a batch with an exposure of nC and nB.
func (v *novel) look(canary, baseline side, nC, nB float64, known map[string]bool) {
	for _, id := range v.order {
		c := v.bets[id]
		c.look(counts{nC, inBursts(canary.classes[id].Count), nB, inBursts(baseline.classes[id].Count)}, before{})
		v.bets[id] = c
	}
	for _, id := range slices.Sorted(maps.Keys(canary.classes)) {
		_, begun := v.bets[id]
		if begun || known[id] || baseline.classes[id].Count > 0 || len(v.order) == maxClasses {
			continue
		}
		c := newContest(v.bound, 1, worse, v.every)
		c.look(counts{nC, inBursts(canary.classes[id].Count - 1), nB, 0}, before{})
		v.order, v.bets[id] = append(v.order, id), c
	}
}

// inBursts counts lines as the bursts that they may have come in: [slipway.CellSize]
// of them are one piece of evidence. Counting parts of a burst is fair, since a^t is
// convex in t.
func inBursts[N uint64 | float64](lines N) float64 { return float64(lines) / slipway.CellSize }

// log is ln E.
func (v *novel) log() float64 {
	sum := -math.Log(float64(len(v.order) + 1))
	for n, id := range v.order {
		k, c := float64(n+1), v.bets[id]
		sum = logAdd(sum, c.log()-math.Log(k*(k+1)))
	}
	return sum
}
