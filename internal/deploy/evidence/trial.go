package evidence

import (
	"maps"
	"math"

	"github.com/slipway-cd/slipway"
)

// Names of the metrics. Those from outside have the names of their queries.
const (
	Errors     = "errors"     // requests that failed, in cells
	Latency    = "latency"    // how many took longer than the stable group's do
	Refusals   = "refusals"   // answers 4xx, in cells
	Logs       = "logs"       // errors that instances print
	Exceptions = "exceptions" // of classes that the stable group never had
	Guard      = "guard"      // errors, against what is tolerated anyhow, while nothing serves beside the candidate
)

// share is the part of alpha that a metric has.
type share struct {
	name    string
	weight  float64
	outside bool // of a query
}

// shares divide one alpha. The sum of v_m E_m is an e-process whatever the metrics
// have to do with each other. Where nothing served before, all but one have nothing
// to compare the candidate with.
func shares(k slipway.Kind, queries []slipway.Query, first bool) []share {
	if first {
		return []share{{name: Guard, weight: 1}}
	}
	all, rest, more := []share{{name: Errors, weight: .5}, {name: Latency, weight: .3}}, .2, 3
	if k == slipway.Worker {
		all, rest, more = nil, 1, 1
	}
	part := rest / float64(more+len(queries))
	if k == slipway.Web {
		all = append(all, share{name: Refusals, weight: part}, share{name: Guard, weight: part})
	}
	all = append(all, share{name: Logs, weight: part / 2}, share{name: Exceptions, weight: part / 2})
	for _, q := range queries {
		all = append(all, share{name: q.Name, weight: part, outside: true})
	}
	return all
}

// Restarts come about as often as this.
const (
	everyRequests = 1000.0
	everyMinutes  = 10.0 // of instances, where there are no requests
)

// trial is everything that is bet against a candidate.
type trial struct {
	rules   slipway.Evidence
	kind    slipway.Kind
	shares  []share
	errors  contest
	refused contest
	lines   contest
	latency exceed
	novel   novel
	guard   guard
	outside map[string]contest
}

func newTrial(e slipway.Evidence, k slipway.Kind, first bool) *trial {
	every := everyRequests
	if k == slipway.Worker {
		every = everyMinutes
	}
	t := &trial{rules: e, kind: k, shares: shares(k, e.Queries, first), errors: newCells(e.Rollback, worse), refused: newCells(e.Rollback, worse),
		lines: newContest(slipway.Bound{Ratio: e.Rollback.Ratio}, 1, worse, every), latency: newExceed(len(cuts), slower, everyRequests),
		novel: newNovel(e.Rollback, every), guard: newGuard(everyRequests / slipway.CellSize), outside: map[string]contest{}}
	for _, q := range e.Queries {
		t.outside[q.Name] = newContest(e.Rollback, 1.0/slipway.CellSize, worse, everyRequests)
	}
	return t
}

func (t *trial) clone() *trial {
	c := *t
	c.errors, c.refused, c.lines, c.latency = t.errors.clone(), t.refused.clone(), t.lines.clone(), t.latency.clone()
	c.novel, c.guard, c.outside = t.novel.clone(), t.guard.clone(), maps.Clone(t.outside)
	for name, o := range c.outside {
		c.outside[name] = o.clone()
	}
	return &c
}

// beside bets on a batch in which both sides serve.
func (t *trial) beside(split slipway.Fence, canary, baseline side, outside []Outside, p past) {
	nC, nB := float64(canary.cells.All), float64(baseline.cells.All)
	t.errors.gather(split, counts{nC, float64(canary.cells.Failed), nB, float64(baseline.cells.Failed)}, p.failed.before())
	t.refused.gather(split, counts{nC, float64(canary.cells.Refused), nB, float64(baseline.cells.Refused)}, p.refused.before())
	t.latency.expose(canary.started)
	for n, c := range p.cuts {
		kC, nC := canary.over(t.rules.Tolerated(c.at, 1))
		kB, nB := baseline.over(c.at)
		t.latency.look(n, counts{nC, kC, nB, kB}, c.before())
	}
	nC, nB = canary.exposure(t.kind), baseline.exposure(t.kind)
	if nC > 0 && nB > 0 {
		t.lines.look(counts{nC, inBursts(canary.lines), nB, inBursts(baseline.lines)}, before{})
		t.novel.look(canary, baseline, nC, nB, p.classes)
	}
	for _, o := range outside {
		if c, asked := t.outside[o.Name]; asked {
			c.look(counts{o.Canary.All, inBursts(o.Canary.Failed), o.Baseline.All, inBursts(o.Baseline.Failed)}, before{rate: inBursts(p.outside[o.Name].Rate())})
			t.outside[o.Name] = c
		}
	}
}

// alone bets on a batch in which the candidate has nothing beside it: that it
// fails more often than is tolerated, or than the stable group was seen to.
func (t *trial) alone(canary side, p past) {
	t.guard.look(float64(canary.cells.All), float64(canary.cells.Failed), inCells(t.tolerated(p)))
}

// tolerated is the worst rate of errors of a candidate that has nothing beside it.
func (t *trial) tolerated(p past) float64 {
	if p.requests.All == 0 {
		return t.rules.SLO
	}
	few := Count{p.requests.Failed + 3, p.requests.All + 3} // what was seen may have been luck
	return max(t.rules.SLO, t.rules.Rollback.Ratio*few.Rate()+t.rules.Rollback.Margin)
}

// inCells is the part of cells in which something fails when a part of requests
// does, independently; in bursts, fewer cells fail.
func inCells(rate float64) float64 { return 1 - math.Pow(1-min(rate, 1), slipway.CellSize) }

// log is ln E_m of a metric.
func (t *trial) log(of share) float64 {
	if of.outside {
		c := t.outside[of.name]
		return c.log()
	}
	switch of.name {
	case Errors:
		return t.errors.log()
	case Latency:
		return t.latency.log()
	case Refusals:
		return t.refused.log()
	case Logs:
		return t.lines.log()
	case Exceptions:
		return t.novel.log()
	case Guard:
		return t.guard.log()
	}
	return 0
}

// total is ln E, the sum of v_m E_m.
func (t *trial) total() float64 {
	sum := math.Inf(-1)
	for _, s := range t.shares {
		sum = logAdd(sum, t.log(s)+math.Log(s.weight))
	}
	return sum
}
