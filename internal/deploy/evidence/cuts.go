package evidence

import "github.com/slipway-cd/slipway"

// cut is a latency that requests are longer or shorter than.
type cut struct {
	name    string
	tail    float64 // the part of requests that is to be longer
	promote bool    // whether the candidate has to show that it is no slower here
	at      slipway.Bucket
	over    record // of the stable group so far: longer than at
	late    bursts // of the candidate so far: longer than what is tolerated
}

var cuts = []cut{
	{name: "p50", tail: .5, promote: true},
	{name: "p75", tail: .25, promote: true},
	{name: "p90", tail: .1, promote: true},
	{name: "p95", tail: .05, promote: true},
	{name: "p99", tail: .01},
	{name: "p99.9", tail: .001},
}

// Requests of the stable group that fix the cuts: while there is no candidate, and
// once there is one; and those by which it is seen whether the cuts still fit.
const (
	plenty = 10_000
	enough = 300
	window = 1000
)

// before is what the next batch is bet on by. Requests of either side may be late
// together: an instance that is given more of them has more in flight when it stands
// still.
func (c cut) before() before {
	b := c.over.before()
	b.clump = max(b.clump, c.late.size())
	return b
}

// fix chooses the cuts once that many requests are known.
func (p *past) fix(least uint64) {
	if p.cuts == nil && p.took.Total() >= least {
		p.choose(p.took)
	}
}

// choose takes for each cut the longest that at least its part of the requests was
// longer than.
func (p *past) choose(by slipway.Histogram) {
	all := float64(by.Total())
	chosen := make([]cut, len(cuts))
	for n, c := range cuts {
		c.at = longest(by, c.tail*all)
		c.over.Count = Count{float64(by.Over(c.at)), all}
		if p.cuts != nil {
			was := p.cuts[n]
			c.late = was.late.apart()
			if c.over.bursts = was.over.apart(); c.at == was.at {
				c = was
			}
		}
		chosen[n] = c
	}
	p.cuts, p.took, p.odd = chosen, slipway.Histogram{}, nil
}

// refit chooses the cuts anew when they fit no more: of one that hardly any request
// of either side is longer than, or nearly all are, nothing can be learned. They
// were chosen by a night, or while the machine stood still, and it is day. What is
// compared may depend on what was seen before, so the bets are as fair; that it takes
// two windows in a row keeps one pause from being taken for the usual.
func (p *past) refit() {
	if p.cuts == nil || p.took.Total() < window {
		return
	}
	lately := p.took
	p.took = slipway.Histogram{}
	if p.fits(lately) {
		p.odd = nil
		return
	}
	if p.odd != nil {
		lately = plus(p.odd, lately)
		if !p.fits(lately) {
			p.choose(lately)
			return
		}
	}
	p.odd = lately
}

// misfit is how many times the odds of being longer than a cut may be what they
// were meant to be, or a part of that.
const misfit = 4.0

// fits reports whether about as many of the requests are longer than each cut as it
// was chosen for. Of the rare ones too few are seen to tell.
func (p *past) fits(lately slipway.Histogram) bool {
	all := float64(lately.Total())
	for _, c := range p.cuts {
		if !c.promote {
			continue
		}
		over, odds := float64(lately.Over(c.at)), c.tail/(1-c.tail)
		if under := all - over; over > misfit*odds*under || under*odds > misfit*over {
			return false
		}
	}
	return true
}

// longest is the last bucket that at least n of h are longer than.
func longest(h slipway.Histogram, n float64) slipway.Bucket {
	longer := uint64(0)
	for b := slipway.LastBucket; b > slipway.FirstBucket; b-- {
		if longer += h[b]; float64(longer) >= n {
			return b - 1
		}
	}
	return slipway.FirstBucket - 1
}
