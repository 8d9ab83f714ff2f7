package evidence

import "github.com/slipway-cd/slipway"

// cut is a latency that requests are longer or shorter than.
type cut struct {
	name    string
	tail    float64 // the part of requests that is to be longer
	promote bool    // whether the candidate has to show that it is no slower here
	at      slipway.Bucket
	over    record // of the stable group so far: longer than at
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
// once there is one.
const (
	plenty = 10_000
	enough = 300
)

// past is what the stable group was like before a batch. It says what to bet on;
// whether a bet is fair never depends on it.
type past struct {
	failed, refused record // in cells
	requests        Count  // failed, of requests
	outside         map[string]Count
	took            slipway.Histogram // until there are cuts
	cuts            []cut             // fixed once
	classes         map[string]bool   // of errors that it has shown
}

func newPast() past {
	return past{outside: map[string]Count{}, took: slipway.Histogram{}, classes: map[string]bool{}}
}

// learn adds a batch of the stable group, after the bets on it.
func (p *past) learn(b side, outside []Outside) {
	all := float64(b.cells.All)
	p.failed.add(float64(b.cells.Failed), all)
	p.refused.add(float64(b.cells.Refused), all)
	p.requests = p.requests.plus(Count{b.failed, b.requests})
	for _, o := range outside {
		p.outside[o.Name] = p.outside[o.Name].plus(o.Baseline)
	}
	for n := range p.cuts {
		k, all := b.over(p.cuts[n].at)
		p.cuts[n].over.add(k, all)
	}
	if p.cuts == nil {
		p.took = plus(p.took, b.took)
	}
	for id := range b.classes {
		if len(p.classes) < maxClasses {
			p.classes[id] = true
		}
	}
}

// fix chooses the cuts once that many requests are known: each the longest that at least its
// part of the requests was longer than.
func (p *past) fix(least uint64) {
	all := p.took.Total()
	if p.cuts != nil || all < least {
		return
	}
	for _, c := range cuts {
		c.at = longest(p.took, c.tail*float64(all))
		c.over.Count = Count{float64(p.took.Over(c.at)), float64(all)}
		p.cuts = append(p.cuts, c)
	}
	p.took = nil
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
