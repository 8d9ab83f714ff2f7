package evidence

import "math"

// bursts estimates how many units fail together: a burst of errors that goes from
// one cell to the next fails two, a pause makes all slow that wait, and what comes in
// twos varies twice as much as what comes by itself. Bets are made with that root of
// the money: E^(1/size) is an e-value where E is one, and stays about fair where what
// is counted comes in clumps.
//
// It looks at the stable group in batches that follow each other, so that a rate
// that changes passes for a burst at its edges alone:
//
//	size = mean of (xB/nB - xB'/nB')² / ((1/nB + 1/nB') p (1-p)),  p of both together,
//
// by how many failed in each pair, which is 1 where failures are independent. It is
// uncertain by about one in the root of the pairs, of which a quarter is left out, so
// that what only looks like bursts costs little.
type bursts struct {
	some, last Count
	weight     float64
	sum        float64
	pairs      float64
}

const (
	atLeast   = 100.0 // units in a batch; of fewer, those that a burst has failed might be in different ones
	calm      = 10.0  // failures that are taken for seen, each by itself
	mostAtOne = 20.0  // that one pair can say, by at most
	mostOfOne = 30.0  // failures: an outage is one pair
)

func (b *bursts) look(n, x float64) {
	if b.some = b.some.plus(Count{x, n}); b.some.All < atLeast {
		return
	}
	x, n, b.some = b.some.Failed, b.some.All, Count{}
	if l := b.last; l.All > 0 && l.Failed+x > 0 && l.Failed+x < l.All+n {
		p := (l.Failed + x) / (l.All + n)
		d := l.Rate() - x/n
		w := min(l.Failed+x, mostOfOne)
		b.sum += w * min(d*d/((1/l.All+1/n)*p*(1-p)), mostAtOne)
		b.weight += w
		b.pairs++
	}
	b.last = Count{x, n}
}

// size is how many units fail together.
func (b bursts) size() float64 {
	return max(1, (b.sum+calm)/(b.weight+calm)/(1+.25/math.Sqrt(max(b.pairs, 1))))
}

// apart is what b knows, of something else that comes next.
func (b bursts) apart() bursts {
	b.some, b.last = Count{}, Count{}
	return b
}

// record is how the stable group did before a batch: the rate at which units
// failed, and how many failed together.
type record struct {
	Count
	bursts
}

func (r *record) add(failed, all float64) {
	r.Count = r.plus(Count{failed, all})
	r.look(all, failed)
}

func (r record) before() before { return before{r.Rate(), r.size()} }

// before is what is bet by.
type before struct{ rate, clump float64 }
