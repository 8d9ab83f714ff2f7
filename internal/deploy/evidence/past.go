package evidence

import "github.com/slipway-cd/slipway"

// past is what the stable group was like before a batch. It says what to bet on;
// whether a bet is fair never depends on it.
type past struct {
	failed, refused record // in cells
	requests        Count  // failed, of requests
	outside         map[string]Count
	took            slipway.Histogram // since the cuts were chosen, or were looked at last
	odd             slipway.Histogram // the same of the time before that, where they did not fit
	cuts            []cut
	classes         map[string]bool // of errors that it has shown
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
	p.took = plus(p.took, b.took)
	p.refit()
	for id := range b.classes {
		if len(p.classes) < maxClasses {
			p.classes[id] = true
		}
	}
}

// follow adds a batch of the candidate, after the bets on it, for how its requests
// come: one by one, or together.
func (p *past) follow(canary side, rules slipway.Evidence) {
	for n, c := range p.cuts {
		k, all := canary.over(rules.Tolerated(c.at, 1))
		p.cuts[n].late.look(all, k)
	}
}
