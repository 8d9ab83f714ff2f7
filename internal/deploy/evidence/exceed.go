package evidence

import "math"

// Odds that an [exceed] bets on.
var (
	slower = []float64{1.2, 1.5, 2, 3, 5, 10, 30}
	faster = []float64{.1, .2, .4, .6, .8}
)

// exceed is E2, the e-value of blocks of Turner, Ly and Grünwald: it bets that a
// request of the candidate takes longer than its cut more often than one of the
// stable group takes longer than its own; with odds below 1, more seldom. For odds
// o, pb is the part of the stable group's that were longer before this batch:
//
//	pc = o pb / (1 - pb + o pb);   p* = (nC pc + nB pb) / (nC + nB)
//	inc = kC ln(pc/p*) + (nC-kC) ln((1-pc)/(1-p*)) + kB ln(pb/p*) + (nB-kB) ln((1-pb)/(1-p*))
//
// Several cuts are bet on with an equal part of the money each.
type exceed struct {
	odds []float64
	cuts int
	wealth
}

func newExceed(cuts int, odds []float64, every float64) exceed {
	return exceed{odds: odds, cuts: cuts, wealth: newWealth(cuts*len(odds), every)}
}

func (e exceed) clone() exceed { e.wealth = e.wealth.clone(); return e }

// look bets on what was counted at cut c.
func (e *exceed) look(c int, n counts, was before) {
	if n.nC <= 0 || n.nB <= 0 {
		return // alone, nothing can be won or lost
	}
	pb := min(max(was.rate, minRate), 1-minRate)
	for j, o := range e.odds {
		e.win(c*len(e.odds)+j, min(block(n, pb, atOdds(pb, o))/max(was.clump, 1), mostAtOnce))
	}
}

// mostAtOnce is what one look can win at the most, as a logarithm. When an instance
// stands still for a moment, all that it has in flight is late together, and a rare
// cut takes that for the end of all chance. Who wins less than is fair is still fair.
var mostAtOnce = math.Log(100)

func atOdds(pb, odds float64) float64 { return odds * pb / (1 - pb + odds*pb) }

// block is the increment for the rates pc and pb.
func block(n counts, pb, pc float64) float64 {
	p := (n.nC*pc + n.nB*pb) / (n.nC + n.nB)
	return n.xC*math.Log(pc/p) + (n.nC-n.xC)*math.Log((1-pc)/(1-p)) +
		n.xB*math.Log(pb/p) + (n.nB-n.xB)*math.Log((1-pb)/(1-p))
}
