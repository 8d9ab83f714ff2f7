package evidence

import (
	"math"

	"github.com/slipway-cd/slipway"
)

// interval is a confidence sequence of how many times the error rate of the
// candidate is that of the stable group: of each ratio on a grid, whether it was
// ever refuted that the candidate is no worse than this, or no better. The grid
// holds the ratio that is tolerated, so that what goes back by its errors is shown
// to be above it.
type interval struct {
	alpha     float64
	ratios    []float64
	above     []contest // against pC <= ratio pB + d
	below     []contest // against pC >= ratio pB
	low, high int       // on the grid; -1 and len: not known
}

const (
	gridStep = 1.1
	gridDown = 50 // steps: to a hundredth
	gridUp   = 75 // to a thousand times
)

func newInterval(b slipway.Bound, of func(slipway.Bound, []float64) contest) interval {
	i := interval{alpha: b.Error, low: -1}
	for n := -gridDown; n <= gridUp; n++ {
		i.ratios = append(i.ratios, b.Ratio*math.Pow(gridStep, float64(n)))
	}
	for _, r := range i.ratios {
		i.above = append(i.above, of(slipway.Bound{Ratio: r, Margin: b.Margin}, worse))
		i.below = append(i.below, of(slipway.Bound{Ratio: r}, better))
	}
	for n := range i.ratios { // a picture may be a little late
		i.above[n].most, i.below[n].most = math.Inf(1), math.Inf(1)
	}
	i.high = len(i.ratios)
	return i
}

// look bets on the ratios between the bounds: what was refuted stays so.
func (i *interval) look(split slipway.Fence, n counts, was before) {
	bar := -math.Log(i.alpha)
	for at := len(i.ratios) - 1; at > i.low; at-- {
		if i.above[at].gather(split, n, was); i.above[at].log() >= bar {
			i.low = at
		}
	}
	for at := range i.high {
		if i.below[at].gather(split, n, was); i.below[at].log() >= bar {
			i.high = at
			break
		}
	}
}

// bounds are 0 and [Unbounded] where nothing is known.
func (i *interval) bounds() (low, high float64) {
	high = Unbounded
	if i.low >= 0 {
		low = i.ratios[i.low]
	}
	if i.high < len(i.ratios) {
		high = i.ratios[i.high]
	}
	return low, high
}
