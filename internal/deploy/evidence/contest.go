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

	// What is gathered of a split until there is enough for a bet.
	split slipway.Fence
	some  counts
	lB    float64 // before it
	seen  float64 // units of the candidate that were bet on
	most  float64 // units that are waited for at most
}

func newContest(b slipway.Bound, units float64, alts []float64, every float64) contest {
	return contest{r0: b.Ratio, d: b.Margin * units, alts: alts, wealth: newWealth(len(alts), every), most: slipway.CellSize}
}

func (c contest) clone() contest { c.wealth = c.wealth.clone(); return c }

// look bets on a batch, where lB is the rate of the stable group so far.
func (c *contest) look(n counts, lB float64) {
	if n.nC <= 0 && n.nB <= 0 {
		return
	}
	c.expose(n.nC)
	for j, r := range c.alts {
		c.win(j, c.increment(n, max(lB, minRate), r))
	}
}

// gather bets on batches of a split together until there is a unit of the
// candidate in them, and later a tenth of what there has been, up to most units:
// of a batch with none, or with two where there might have been one, what is known
// of the other side would be lost. When to bet depends on how many were counted,
// never on how they ended.
func (c *contest) gather(split slipway.Fence, n counts, lB float64) {
	if split != c.split {
		c.settle()
		c.split = split
	}
	if c.some == (counts{}) {
		c.lB = lB
	}
	c.some = c.some.plus(n)
	if c.some.nC >= max(1, min(c.seen/10, c.most)) {
		c.settle()
	}
}

// settle bets on what was gathered.
func (c *contest) settle() {
	if c.some != (counts{}) {
		c.look(c.some, c.lB)
		c.seen += c.some.nC
		c.some = counts{}
	}
}

// minRate keeps a bet finite where nothing has ever failed.
const minRate = 1e-6

func (c *contest) increment(n counts, lB, r float64) (inc float64) {
	lC := r * (c.r0*lB + c.d)
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
