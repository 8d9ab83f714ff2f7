package evidence

// bursts estimates how many cells fail together: a burst of errors that goes from
// one cell to the next fails two, and what comes in twos varies twice as much as
// what comes by itself. Bets are made with that root of the money: E^(1/size) is an
// e-value where E is one, and stays about fair where what is counted comes in
// clumps.
//
// It looks at the stable group in batches that follow each other, so that a rate
// that changes passes for a burst at its edges alone:
//
//	size = mean of (xB/nB - xB'/nB')² / ((1/nB + 1/nB') p (1-p)),  p of both together,
//
// over the pairs in which anything failed, which is 1 where failures are
// independent.
type bursts struct {
	some, last Count
	pairs, sum float64
}

const (
	atLeast   = 100.0 // cells in a batch; of fewer, the two that a burst has failed might be in different ones
	calmPairs = 5.0   // that are taken for seen, and in which nothing came together
	mostAtOne = 9.0   // that one pair adds at most: an outage is one
)

func (b *bursts) look(n, x float64) {
	if b.some = b.some.plus(Count{x, n}); b.some.All < atLeast {
		return
	}
	x, n, b.some = b.some.Failed, b.some.All, Count{}
	if l := b.last; l.All > 0 && l.Failed+x > 0 && l.Failed+x < l.All+n {
		p := (l.Failed + x) / (l.All + n)
		d := l.Rate() - x/n
		b.sum += min(d*d/((1/l.All+1/n)*p*(1-p)), mostAtOne)
		b.pairs++
	}
	b.last = Count{x, n}
}

// size is how many cells fail together.
func (b bursts) size() float64 { return max(1, (b.sum+calmPairs)/(b.pairs+calmPairs)) }

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
