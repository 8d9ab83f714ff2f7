package canary

import (
	"math"
	"math/rand/v2"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/evidence"
)

// stream is what is counted between one look and the next.
type stream func() evidence.Row

// rates are how often both fail while the n-th canary request is served, and
// which part of all requests is the canary's.
type rates func(n float64) (canary, stable, share float64)

// The streams of the table: base 0.5 %, a share of 10 %.
const (
	base  = 0.005
	share = 0.1
)

func constant(canary, stable float64) rates {
	return func(float64) (float64, float64, float64) { return canary, stable, share }
}

// requests is a stream of looks at as many canary requests each, that fail one by
// one.
func requests(r *rand.Rand, look int, at rates) stream {
	n := 0.0
	return func() evidence.Row {
		canary, stable, share := at(n)
		n += float64(look)
		return evidence.Row{Canary: draw(r, look, canary), Baseline: draw(r, beside(look, share), stable)}
	}
}

// draw is how many of n fail.
func draw(r *rand.Rand, n int, p float64) evidence.Count {
	c := evidence.Count{All: float64(n)}
	each(r, n, p, func(int) { c.Failed++ })
	return c
}

// each calls hit with the places, among n, of what happens with probability p at
// each: the gaps between them are geometric.
func each(r *rand.Rand, n int, p float64, hit func(at int)) {
	if p <= 0 {
		return
	}
	for at := skip(r, p); at < n; at += 1 + skip(r, p) {
		hit(at)
	}
}

func skip(r *rand.Rand, p float64) int {
	if p >= 1 {
		return 0
	}
	return int(min(math.Log(1-r.Float64())/math.Log1p(-p), 1e12))
}

// cells are requests of one instance in groups of size, where failures come in
// bursts of consecutive ones.
type cells struct {
	size, burst int
	rest        int  // requests in the cell that is not full
	failed      bool // it
	more        int  // requests that a burst has still to fail
}

// count sends n requests with p of failing, and returns the cells that became
// full.
func (c *cells) count(r *rand.Rand, n int, p float64) (full evidence.Count) {
	if n == 0 {
		return full
	}
	last, all := -1, (c.rest+n)/c.size // cells from that which is not full
	if c.failed {
		last, full.Failed = 0, 1
	}
	fail := func(from, to int) { // requests
		c.more = max(c.more, to-n)
		for cell := max(last+1, (c.rest+from)/c.size); cell <= (c.rest+min(to, n)-1)/c.size; cell++ {
			last = cell
			full.Failed++
		}
	}
	if more := c.more; more > 0 {
		c.more = 0
		fail(0, more)
	}
	each(r, n, p/float64(c.burst), func(at int) { fail(at, at+c.burst) })
	if c.failed = last == all; c.failed {
		full.Failed-- // in the one that is not full
	}
	c.rest, full.All = (c.rest+n)%c.size, float64(all)
	return full
}

// inCells is a stream of looks that counts in cells, with bursts. The stable group
// was looked at as often as before before.
func inCells(r *rand.Rand, before, look, burst int, at rates) stream {
	n := 0.0
	canary, stable := cells{size: slipway.CellSize, burst: burst}, cells{size: slipway.CellSize, burst: burst}
	return func() (row evidence.Row) {
		c, b, share := at(n)
		row.Baseline = stable.count(r, beside(look, share), b)
		if before > 0 {
			before--
			return row
		}
		n += float64(look)
		row.Canary = canary.count(r, look, c)
		return row
	}
}

// beside is how many requests the stable version gets while the canary gets n.
func beside(n int, share float64) int { return int(math.Round(float64(n) * (1 - share) / share)) }
