package evidence

import (
	"math"

	"github.com/slipway-cd/slipway"
)

// pass is what is bet in favour of a candidate, against nulls that say that it is
// bad. All have to be refuted at once, so each may have the whole of beta.
type pass struct {
	rules   slipway.Evidence
	errors  contest  // pC >= r1 pB + d1
	tenfold contest  // pC >= 10 pB + d1
	latency []exceed // of each cut: it is more than twice the tolerance slower
}

func newPass(e slipway.Evidence) pass {
	p := pass{rules: e}
	p.errors = newCells(e.Promote, better)
	p.tenfold = newCells(slipway.Bound{Ratio: tenfold, Margin: e.Promote.Margin}, better)
	for range cuts {
		p.latency = append(p.latency, newExceed(1, faster, 0))
	}
	return p
}

// tenfold is the rise of errors that must be excluded before there is more weight.
const tenfold = 10

func (p *pass) look(split slipway.Fence, canary, baseline side, known past) {
	n := counts{float64(canary.cells.All), float64(canary.cells.Failed), float64(baseline.cells.All), float64(baseline.cells.Failed)}
	p.errors.gather(split, n, known.failed.before())
	p.tenfold.gather(split, n, known.failed.before())
	for at, c := range known.cuts {
		kC, nC := canary.over(p.rules.Tolerated(c.at, 2))
		kB, nB := baseline.over(c.at)
		p.latency[at].look(0, counts{nC, kC, nB, kB}, c.before())
	}
}

func (p *pass) continues(beta float64) bool {
	return max(p.tenfold.log(), p.errors.log()) >= -math.Log(beta)
}

func (p *pass) promotes(beta float64) bool { return len(p.lacks(beta)) == 0 }

// lacks names what has not passed yet.
func (p *pass) lacks(beta float64) (all []string) {
	if p.errors.log() < -math.Log(beta) {
		all = append(all, Errors)
	}
	for at, c := range cuts {
		if c.promote && p.latency[at].log() < -math.Log(beta) {
			all = append(all, c.name)
		}
	}
	return all
}
