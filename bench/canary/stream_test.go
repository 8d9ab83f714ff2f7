package canary

import (
	"math/rand/v2"
	"testing"
)

// TestCellsAreThoseOfEachRequest counts the requests one by one beside the
// simulation, which leaps from burst to burst.
func TestCellsAreThoseOfEachRequest(t *testing.T) {
	for seed := range uint64(3000) {
		leaps, walks := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 1))
		burst, p := 1+int(seed%12), .2*float64(seed%5)/4
		leaping := cells{size: 8, burst: burst}
		walking := leaping
		for step := range 20 {
			n := 1 + (int(seed)*7+step*13)%37
			got, all, failed := leaping.count(leaps, n, p), 0, 0
			starts := map[int]bool{}
			each(walks, n, p/float64(burst), func(at int) { starts[at] = true })
			for at := range n {
				walking.request(starts[at], func(bad bool) {
					if all++; bad {
						failed++
					}
				})
			}
			if int(got.All) != all || int(got.Failed) != failed || leaping != walking {
				t.Fatalf("seed %d, step %d: %v of %v failed, not %d of %d; left %+v, not %+v", seed, step, got.Failed, got.All, failed, all, leaping, walking)
			}
		}
	}
}

func (c *cells) request(bursts bool, full func(bool)) {
	if bursts {
		c.more = c.burst
	}
	if c.more > 0 {
		c.more--
		c.failed = true
	}
	if c.rest++; c.rest == c.size {
		full(c.failed)
		c.rest, c.failed = 0, false
	}
}
