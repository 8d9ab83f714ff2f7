package evidence

import "math"

// guard watches a candidate that has nothing beside it, against the worst rate
// that is tolerated anyhow: by a mixture over p1 > pm of
//
//	(p1/pm)^x ((1-p1)/(1-pm))^(n-x)
type guard struct {
	wealth
}

// excess are the odds of what it bets on.
var excess = []float64{1.25, 1.5, 2, 3, 5, 10, 30, 100, 1000}

func newGuard(every float64) guard { return guard{newWealth(len(excess), every)} }

func (g guard) clone() guard { g.wealth = g.wealth.clone(); return g }

func (g *guard) look(n, x, pm float64) {
	pm = min(max(pm, minRate), 1-minRate)
	g.expose(n)
	for j, o := range excess {
		p1 := o * pm / (1 - pm + o*pm)
		g.win(j, x*math.Log(p1/pm)+(n-x)*math.Log((1-p1)/(1-pm)))
	}
}
