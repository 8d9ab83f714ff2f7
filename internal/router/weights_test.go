package router

import (
	"math"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/slipway-cd/slipway"
)

// Over time each group has its weight exactly, whatever the weights are: those
// without weight or without endpoints get nothing, and the latter's weight goes
// to the others in proportion.
func TestDrawsFollowWeights(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &route{}
		weights := rapid.SliceOfN(rapid.IntRange(0, 10000), 1, 6).Draw(t, "weights")
		total := 0
		for n, weight := range weights {
			g := group{id: slipway.GroupID(strconv.Itoa(n)), weight: weight}
			if rapid.IntRange(0, 3).Draw(t, "serves") > 0 {
				g.endpoints = []*endpoint{nil}
				total += weight
			} else {
				weights[n] = 0
			}
			r.share(g)
		}
		const draws = 5000
		got := make([]int, len(weights))
		for range draws {
			g := r.split().draw()
			if g == nil {
				if total > 0 {
					t.Fatal("nobody was drawn")
				}
				return
			}
			n, _ := strconv.Atoi(string(g.id))
			got[n]++
		}
		for n, weight := range weights {
			p := float64(weight) / float64(total)
			if off := math.Abs(float64(got[n]) - draws*p); off > 6*math.Sqrt(draws*p*(1-p))+1e-9 {
				t.Fatalf("group %d of weights %v was drawn %d times of %d, not %.0f", n, weights, got[n], draws, draws*p)
			}
		}
	})
}
