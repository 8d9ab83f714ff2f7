package evidence

import (
	"math"

	"github.com/slipway-cd/slipway"
)

// need is what it would take to pass, were the candidate as good as the stable
// group: until what is expected to be won, at the share of now, is enough.
func (j *Judge) need() Need {
	n := Need{Rate: j.lately.perSecond()}
	share := float64(j.weight) / float64(slipway.All)
	if j.kind == slipway.Worker || !(share > 0 && share < 1) {
		return n
	}
	least := max(float64(j.rules.MinRequests)-j.canary.started, 0)
	bar, rest, p := -math.Log(j.rules.Promote.Error), (1-share)/share, max(j.past.failed.Rate(), minRate)
	errors := func(c contest) float64 {
		return slipway.CellSize * until(bar, c.wealth, func(k int) float64 { return c.increment(counts{1, p, rest, p * rest}, p, c.alts[k]) })
	}
	promote := errors(j.pass.errors)
	n.Continue = whole(max(least, min(errors(j.pass.tenfold), promote)))
	n.Promote = whole(max(least, promote, j.slowest(bar, rest)))
	return n
}

// slowest is what it takes until the last cut has passed.
func (j *Judge) slowest(bar, rest float64) (most float64) {
	all := float64(j.baseline.took.Total())
	if all == 0 {
		return 0
	}
	for at, c := range j.past.cuts {
		if !c.promote {
			continue
		}
		pb := min(max(c.over.Rate(), minRate), 1-minRate)
		pc := float64(j.baseline.took.Over(j.rules.Tolerated(c.at, 2))) / all
		e := j.pass.latency[at]
		most = max(most, until(bar, e.wealth, func(k int) float64 { return block(counts{1, pc, rest, pb * rest}, pb, atOdds(pb, e.odds[k])) }))
	}
	return most
}

// until is how many units it takes until a wealth without restarts reaches a bar,
// when strategy k wins growth(k) with each; infinite when it never does.
func until(bar float64, w wealth, growth func(k int) float64) float64 {
	if w.log() >= bar {
		return 0
	}
	after := func(n float64) float64 {
		sum := math.Inf(-1)
		for k, l := range w.plain {
			sum = logAdd(sum, l+n*growth(k))
		}
		return sum - math.Log(float64(len(w.plain)))
	}
	low, high := 0.0, 1.0
	for after(high) < bar {
		if low, high = high, 2*high; high > 1e10 {
			return math.Inf(1)
		}
	}
	for high-low > max(1, high/200) {
		if mid := (low + high) / 2; after(mid) < bar {
			low = mid
		} else {
			high = mid
		}
	}
	return high
}

func whole(n float64) uint64 {
	if math.IsInf(n, 1) {
		return 0
	}
	return uint64(math.Ceil(n))
}
