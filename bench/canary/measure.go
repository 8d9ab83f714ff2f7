package canary

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/evidence"
)

const (
	look    = 100          // canary requests from one to the next
	horizon = 200_000      // canary requests in which nothing may alarm
	forever = 10 * horizon // in which anything is found
)

// rules are those that hold where nothing is written, from when latency is looked
// at: the first seconds of a weight are left out there.
var rules = func() slipway.Evidence {
	r := slipway.DefaultEvidence
	r.Settle = 0
	return r
}()

// found are the canary requests after which runs alarmed, in order; those that
// never did are +Inf.
type found []float64

func (f found) mean() float64 {
	sum := 0.0
	for _, n := range f {
		sum += n
	}
	return sum / float64(len(f))
}

func (f found) quantile(q float64) float64 { return f[min(int(q*float64(len(f))), len(f)-1)] }

// part that alarmed at all.
func (f found) part() float64 {
	n := 0
	for _, at := range f {
		if !math.IsInf(at, 1) {
			n++
		}
	}
	return float64(n) / float64(len(f))
}

// rule is a method of judging: it is told what was counted, and says whether it
// alarms.
type rule func(evidence.Row) bool

// many plays runs of a stream to a rule, until it alarms or there were most canary
// requests.
func many(ctx context.Context, seed uint64, runs, most int, of func(*rand.Rand) stream, by func() rule) (found, error) {
	var all found
	for run := range runs {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		next, alarms, at := of(rand.New(rand.NewPCG(seed, uint64(run)))), by(), math.Inf(1) //nolint:gosec // a simulation is to be the same again
		for n := 0; n < most; {
			row := next()
			if row.Canary.All > 0 {
				n += look
			}
			if alarms(row) {
				at = float64(n)
				break
			}
		}
		all = append(all, at)
	}
	slices.Sort(all)
	return all, nil
}

// e1 alarms by errors alone, that have all of alpha, one by one or in cells.
func e1(bound slipway.Bound, inCells bool) func() rule {
	return func() rule {
		a, bar := evidence.NewAlarm(bound, inCells), -math.Log(bound.Error)
		return func(r evidence.Row) bool {
			a.Look(r)
			return a.LogEvidence() >= bar
		}
	}
}

// limit is L: what any method needs.
func limit(canary, stable float64) float64 {
	o, err := evidence.Plan(rules.Rollback, stable, canary, share, 1)
	if err != nil {
		return math.NaN()
	}
	return o.Limit
}
