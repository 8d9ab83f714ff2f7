package evidence

import "math"

// wealth is that of somebody who bets against a null hypothesis by several
// strategies, a part pi_j of the money on each: half of it from the beginning,
// half of it in restarts, so that what goes wrong late is found as soon. The k-th
// restart has 1/(k(k+1)) of that half, which together is all of it; what has not
// been laid out yet is kept.
//
//	E = sum over j of  pi_j (1/2 exp(l_j) + 1/2 (exp(s_j) + 1/(k+1)))
//
// All are logarithms, so that nothing overflows.
type wealth struct {
	prior    []float64 // ln pi_j; nil: as much on each
	plain    []float64 // l_j
	late     []float64 // s_j
	restarts int       // k
	until    float64   // exposure that is left until the next restart
	every    float64
}

// newWealth has n strategies, and restarts after each exposure of every units of
// the candidate; 0: never.
func newWealth(n int, every float64) wealth {
	w := wealth{plain: make([]float64, n), every: every}
	if every > 0 {
		w.late = make([]float64, n)
		for j := range w.late {
			w.late[j] = math.Inf(-1)
		}
	}
	return w
}

func (w wealth) clone() wealth {
	w.plain, w.late = append([]float64(nil), w.plain...), append([]float64(nil), w.late...)
	return w
}

// expose opens the restarts that are due, before anything is won by units more
// of exposure.
func (w *wealth) expose(units float64) {
	if w.every == 0 {
		return
	}
	if w.until <= 0 {
		w.restarts++
		k := float64(w.restarts)
		for j := range w.late {
			w.late[j] = logAdd(w.late[j], -math.Log(k*(k+1)))
		}
		w.until += w.every
	}
	w.until -= units
}

// win multiplies what strategy j has by exp(inc).
func (w *wealth) win(j int, inc float64) {
	w.plain[j] = clamp(w.plain[j] + inc)
	if w.every > 0 {
		w.late[j] = clamp(w.late[j] + inc)
	}
}

// log is ln E.
func (w *wealth) log() float64 {
	sum := math.Inf(-1)
	for j, l := range w.plain {
		if w.every > 0 {
			l = logAdd(l, logAdd(w.late[j], -math.Log(float64(w.restarts+1)))) - math.Ln2
		}
		if w.prior != nil {
			l += w.prior[j]
		}
		sum = logAdd(sum, l)
	}
	if w.prior != nil {
		return sum
	}
	return sum - math.Log(float64(len(w.plain)))
}

// maxLog is where a wealth is as good as endless, or as nothing.
const maxLog = 600

func clamp(l float64) float64 { return max(min(l, maxLog), -1e300) }

// logAdd is ln(exp(a) + exp(b)).
func logAdd(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if a-b > 40 || math.IsInf(b, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}
