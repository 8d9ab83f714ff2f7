package canary

import (
	"math"
	"slices"

	"github.com/slipway-cd/slipway/internal/deploy/evidence"
)

// threshold is what Flagger does by default, and Argo Rollouts in its examples:
// of each window, 99 % have to succeed; the fifth that does not ends the canary.
func threshold(window float64) func() rule {
	return func() rule {
		var seen evidence.Count
		strikes := 0
		return func(r evidence.Row) bool {
			if seen.All, seen.Failed = seen.All+r.Canary.All, seen.Failed+r.Canary.Failed; seen.All >= window {
				if seen.Rate() > .01 {
					strikes++
				}
				seen = evidence.Count{}
			}
			return strikes >= 5
		}
	}
}

// repeatedZ is a test of two proportions with pooled variance at p < 0.02, made
// anew at each look.
func repeatedZ() rule {
	var c, b evidence.Count
	return func(r evidence.Row) bool {
		c.All, c.Failed = c.All+r.Canary.All, c.Failed+r.Canary.Failed
		b.All, b.Failed = b.All+r.Baseline.All, b.Failed+r.Baseline.Failed
		p := (c.Failed + b.Failed) / (c.All + b.All)
		z := (c.Rate() - b.Rate()) / math.Sqrt(p*(1-p)*(1/c.All+1/b.All))
		return z > z98
	}
}

const z98 = 2.326 // two-sided, 98 %

// mannWhitney is what Kayenta does: error rates of minutes, here of 1000 canary
// requests each, are compared by rank with 98 % confidence, once, when there are
// fifty of them.
func mannWhitney() rule {
	const points, size = 50, 1000
	var canary, stable []float64
	var c, b evidence.Count
	return func(r evidence.Row) bool {
		c.All, c.Failed = c.All+r.Canary.All, c.Failed+r.Canary.Failed
		b.All, b.Failed = b.All+r.Baseline.All, b.Failed+r.Baseline.Failed
		if c.All < size || len(canary) == points {
			return false
		}
		canary, stable = append(canary, c.Rate()), append(stable, b.Rate())
		c, b = evidence.Count{}, evidence.Count{}
		return len(canary) == points && rankSum(canary, stable) > z98
	}
}

// rankSum is the z of Mann and Whitney's U, with ties and the correction for
// continuity.
func rankSum(x, y []float64) float64 {
	all := slices.Concat(x, y)
	slices.Sort(all)
	n, m := float64(len(x)), float64(len(y))
	ranks, ties := map[float64]float64{}, 0.0
	for at := 0; at < len(all); {
		end := at
		for end < len(all) && all[end] == all[at] {
			end++
		}
		t := float64(end - at)
		ranks[all[at]] = float64(at) + (t+1)/2
		ties += t*t*t - t
		at = end
	}
	sum := 0.0
	for _, v := range x {
		sum += ranks[v]
	}
	u := sum - n*(n+1)/2 - n*m/2
	variance := n * m / 12 * (n + m + 1 - ties/((n+m)*(n+m-1)))
	if variance <= 0 {
		return 0
	}
	return (u - math.Copysign(.5, u)) / math.Sqrt(variance)
}
