package evidence

import (
	"math"

	"github.com/slipway-cd/slipway"
)

// Verdict is what the batches so far say.
func (j *Judge) Verdict() Verdict {
	switch {
	case j.alarm == nil:
	case j.alarm.Decision == Worse: // who has to decide, sees how it went on
		v := j.figures()
		v.Decision, v.Why = Worse, j.alarm.Why+j.since(*j.alarm)
		return v
	default:
		return *j.alarm
	}
	v := j.figures()
	v.Decision = j.Decision()
	v.Why = j.words(v)
	return v
}

// Decision is that of the verdict, without the rest.
func (j *Judge) Decision() Decision {
	if j.alarm != nil {
		return j.alarm.Decision
	}
	return j.standing()
}

// standing is the decision where nothing has alarmed.
func (j *Judge) standing() Decision {
	_, _, mismatch := j.mix.mismatch()
	_, _, silent := j.silent()
	switch {
	case mismatch || silent:
		return Inconclusive
	case j.kind == slipway.Worker:
		if j.canary.minutes < 1 || j.complains() {
			return Inconclusive
		}
		return Promote
	case j.canary.started < float64(j.rules.MinRequests):
		return Inconclusive
	case j.pass.promotes(j.rules.Promote.Error):
		return Promote
	case j.pass.continues(j.rules.Promote.Error):
		return Continue
	}
	return Inconclusive
}

// complains reports whether a worker prints more errors than would be promoted of
// requests, a burst aside. That proves nothing, but more will.
func (j *Judge) complains() bool {
	c, b := j.canary, j.baseline
	return b.minutes > 0 && (c.lines-slipway.CellSize)/c.minutes > j.rules.Promote.Ratio*b.lines/b.minutes
}

// figures are those of a verdict.
func (j *Judge) figures() Verdict {
	v := Verdict{Batch: j.batches, CanaryRequests: uint64(j.canary.started), BaselineRequests: uint64(j.baseline.started), Evidence: math.Exp(j.trial.total())}
	if !j.began.IsZero() {
		v.Lasted = j.at.Sub(j.began)
	}
	v.RatioLow, v.RatioHigh = j.ratio.bounds()
	if j.trial.errors.log() >= -math.Log(j.rules.Rollback.Error) {
		v.RatioLow = max(v.RatioLow, j.rules.Rollback.Ratio)
	}
	for _, s := range j.trial.shares {
		m := Metric{Name: s.name, Weight: s.weight, E: math.Exp(j.trial.log(s))}
		m.Canary, m.Baseline = j.canary.count(s, j.kind), j.baseline.count(s, j.kind)
		if s.outside {
			m.Lacks = j.missing(s.name)
		}
		if c, found := j.telling(); found && s.name == Latency {
			m.Canary = Count{float64(j.canary.took.Over(j.rules.Tolerated(c.at, 1))), float64(j.canary.took.Total())}
			m.Baseline = Count{float64(j.baseline.took.Over(c.at)), float64(j.baseline.took.Total())}
		}
		v.Metrics = append(v.Metrics, m)
	}
	if !j.placebo {
		v.Need = j.need()
	}
	return v
}
