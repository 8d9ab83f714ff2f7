package evidence

import (
	"math"

	"github.com/slipway-cd/slipway"
)

// mix watches the split itself: whether as many requests come to the candidate as
// it has weight. For each weight it bets by a Beta mixture that they do not (Lindon
// and Malek's sequential test of sample ratios):
//
//	ln E = ln B(cw + nC, c(1-w) + nB) - ln B(cw, c(1-w)) - nC ln w - nB ln(1-w)
type mix struct {
	weights []slipway.BasisPoints // in order of their coming; the k-th has 1/(k(k+1)) of the money
	seen    map[slipway.BasisPoints]counts
}

const (
	mixError = 0.001 // the probability of finding a split to be wrong that is not
	mixPrior = 1000  // requests that the mixture takes for seen
)

func (m *mix) look(w slipway.BasisPoints, nC, nB float64) {
	if w <= 0 || w >= slipway.All {
		return
	}
	if m.seen == nil {
		m.seen = map[slipway.BasisPoints]counts{}
	}
	n, known := m.seen[w]
	if !known {
		m.weights = append(m.weights, w)
	}
	n.nC, n.nB = n.nC+nC, n.nB+nB
	m.seen[w] = n
}

// mismatch names a weight that the counts do not fit.
func (m *mix) mismatch() (w slipway.BasisPoints, part float64, found bool) {
	for k, w := range m.weights {
		n, p := m.seen[w], float64(w)/float64(slipway.All)
		a, b := mixPrior*p, mixPrior*(1-p)
		log := logBeta(a+n.nC, b+n.nB) - logBeta(a, b) - n.nC*math.Log(p) - n.nB*math.Log(1-p)
		if log >= math.Log(float64((k+1)*(k+2))/mixError) {
			return w, n.nC / (n.nC + n.nB), true
		}
	}
	return 0, 0, false
}

func logBeta(a, b float64) float64 {
	x, _ := math.Lgamma(a)
	y, _ := math.Lgamma(b)
	z, _ := math.Lgamma(a + b)
	return x + y - z
}
