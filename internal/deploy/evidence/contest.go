package evidence

import (
	"math"

	"github.com/slipway-cd/slipway"
)

// counts are those of one batch: units, and how many of them failed.
type counts struct{ nC, xC, nB, xB float64 }

func (n counts) plus(m counts) counts {
	return counts{n.nC + m.nC, n.xC + m.xC, n.nB + m.nB, n.xB + m.xB}
}

// Alternatives that a [contest] bets on, as multiples of what its null allows.
var (
	worse  = []float64{1.25, 1.5, 1.75, 2, 2.5, 3, 4, 6, 10, 20, 50, 200}
	better = []float64{.02, .05, .1, .2, .3, .45, .6, .8}
)

// priors of what is worse: as much on each, but three times as much on the first.
// What is just above the line has no other that helps to find it; with as much on
// each, 1.5 times the errors where 1.2 times are tolerated took 1.45 L, and now take
// 1.3, while all others take 3 % of L more.
var priors = func() (all []float64) {
	for n := range worse {
		part := 1.0
		if n == 0 {
			part = 3
		}
		all = append(all, math.Log(part/float64(len(worse)+2)))
	}
	return all
}()

// contest is E1, an affine growth-optimal e-process: it bets that the rate of the
// candidate is on the other side of a line than its null says,
//
//	pC <= r0 pB + d    with alternatives above 1, or
//	pC >= r0 pB + d    with alternatives below 1.
//
// For an alternative r, lB is the rate of the stable group as it was before this
// batch, and lC = r (r0 lB + d). The pair on the line that explains these two best
// has q for the stable group, the positive root of A q² + B q + C:
//
//	A = r0 (nC r0 + nB);  B = nC r0 (d - lC) + nB (d - r0 lB);  C = -nB lB d
//	a = lC/(r0 q + d);    b = lB/q
//	inc = xC ln a + xB ln b - (a - 1) d nC
//
// It follows that nC r0 (a-1) + nB (b-1) = 0, and with 1+x <= e^x that the expected
// factor is at most 1 on the null, whatever the rates, the split and lB are; for
// counts of what fails or not, for Poisson counts, and for parts of 1.
type contest struct {
	r0, d float64
	alts  []float64
	wealth
	cells bool // units fail or do not, and may do so together

	// What is gathered of a split until there is enough for a bet.
	split slipway.Fence
	some  counts
	was   before
	seen  float64 // units of the candidate that were bet on
	most  float64 // units that are waited for at most
}

func newContest(b slipway.Bound, units float64, alts []float64, every float64) contest {
	c := contest{r0: b.Ratio, d: b.Margin * units, alts: alts, wealth: newWealth(len(alts), every), most: slipway.CellSize}
	if alts[0] > 1 {
		c.prior = priors
	}
	return c
}

// newCells is a contest of cells, which are either failed or not, and which a burst
// that goes from one to the next fails together.
func newCells(b slipway.Bound, alts []float64) contest {
	every := 0.0
	if alts[0] > 1 {
		every = everyRequests / slipway.CellSize
	}
	c := newContest(b, slipway.CellSize, alts, every)
	c.cells = true
	return c
}

func (c contest) clone() contest { c.wealth = c.wealth.clone(); return c }

// look bets on a batch.
func (c *contest) look(n counts, was before) {
	if n.nC <= 0 && n.nB <= 0 {
		return
	}
	c.expose(n.nC)
	for j, r := range c.alts {
		c.win(j, c.increment(n, max(was.rate, minRate), r)/max(was.clump, 1))
	}
}

// gather bets on batches of a split together until there is a unit of the
// candidate in them, and later a tenth of what there has been, up to most units:
// of a batch with none, or with two where there might have been one, what is known
// of the other side would be lost. When to bet depends on how many were counted,
// never on how they ended.
func (c *contest) gather(split slipway.Fence, n counts, was before) {
	if split != c.split {
		c.settle()
		c.split = split
	}
	if c.some == (counts{}) {
		c.was = was
	}
	c.some = c.some.plus(n)
	if c.some.nC >= max(1, min(c.seen/10, c.most)) {
		c.settle()
	}
}

// settle bets on what was gathered.
func (c *contest) settle() {
	if c.some != (counts{}) {
		c.look(c.some, c.was)
		c.seen += c.some.nC
		c.some = counts{}
	}
}

// minRate keeps a bet finite where nothing has ever failed.
const minRate = 1e-6

func (c *contest) increment(n counts, lB, r float64) float64 {
	lC := r * (c.r0*lB + c.d)
	if c.cells && lC > oftenFails {
		thin, bets := c.thinned(lB, lC)
		if hope := (counts{n.nC, n.nC * min(lC, 1), n.nB, n.nB * lB}); bets && thin(hope) > c.affine(hope, lB, lC) {
			return thin(n)
		}
	}
	return c.affine(n, lB, lC)
}

// affine is the increment of E1.
func (c *contest) affine(n counts, lB, lC float64) (inc float64) {
	q := line(n.nC, n.nB, lC, lB, c.r0, c.d)
	a := lC / (c.r0*q + c.d)
	if n.xC > 0 {
		inc += n.xC * math.Log(a)
	}
	if n.xB > 0 {
		inc += n.xB * math.Log(lB/q)
	}
	return inc - (a-1)*c.d*n.nC
}

// oftenFails is the rate above which 1+x <= e^x gives away much.
const oftenFails = 0.2

// thinned is the increment of E2 for rates that are far from 0, where it wins more
// than E1. With the line as its null,
//
//	xC/(r0 + d)  is no larger than  (r0 xB + d)/(r0 + d)
//
// on average, and both are parts of 1, for which the blocks of [exceed] are as fair
// as for counts, since u^y v^(1-y) is convex in y.
func (c *contest) thinned(lB, lC float64) (inc func(counts) float64, bets bool) {
	top := c.r0 + c.d
	pc, pb := min(lC, .98)/top, (c.r0*lB+c.d)/top
	if pb >= 1 || (c.alts[0] > 1) != (pc > pb) {
		return nil, false
	}
	return func(n counts) float64 {
		return block(counts{n.nC, n.xC / top, n.nB, (c.r0*n.xB + c.d*n.nB) / top}, pb, pc)
	}, true
}

// line is q: the rate of the stable group where the line is nearest to lC and lB.
func line(nC, nB, lC, lB, r0, d float64) float64 {
	A := r0 * (nC*r0 + nB)
	if d == 0 {
		return r0 * (nC*lC + nB*lB) / A
	}
	B := nC*r0*(d-lC) + nB*(d-r0*lB)
	C := -nB * lB * d
	root := math.Sqrt(B*B - 4*A*C)
	if B > 0 { // of two that are nearly equal, nothing would be left
		return -2 * C / (B + root)
	}
	return (root - B) / (2 * A)
}
