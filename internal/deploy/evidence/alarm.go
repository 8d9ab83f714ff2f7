package evidence

import "github.com/slipway-cd/slipway"

// Alarm is a test of errors alone, with the whole of alpha.
type Alarm struct {
	contest
	past record
}

// NewAlarm tests against b, which is of requests, and counts these one by one, as
// [Rows] do; or, as a [Judge] does, in cells of [slipway.CellSize].
func NewAlarm(b slipway.Bound, inCells bool) *Alarm {
	if inCells {
		return &Alarm{contest: newCells(b, worse)}
	}
	return &Alarm{contest: newErrors(b, worse)}
}

// Look bets on a row.
func (a *Alarm) Look(r Row) {
	was := a.past.before()
	if !a.cells {
		was.clump = 1
	}
	a.look(counts{r.Canary.All, r.Canary.Failed, r.Baseline.All, r.Baseline.Failed}, was)
	a.past.add(r.Baseline.Failed, r.Baseline.All)
}

// LogEvidence is ln E.
func (a *Alarm) LogEvidence() float64 { return a.log() }
