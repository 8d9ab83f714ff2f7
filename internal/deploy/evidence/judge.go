package evidence

import (
	"encoding/json"
	"time"

	"github.com/slipway-cd/slipway"
)

// Judge is the fold of the batches of one deployment.
type Judge struct {
	rules slipway.Evidence
	kind  slipway.Kind
	first bool // nothing served before the candidate
	past  past

	trial   *trial
	without map[slipway.InstanceID]*trial // the same, as if an instance of the candidate were not there
	pass    pass
	ratio   interval
	mix     mix
	sources sources // what others count

	stages     map[int]time.Time // when each was first seen
	began, at  time.Time         // of what is counted
	weight     slipway.BasisPoints
	batches    int
	canary     total
	baseline   total
	by         map[slipway.InstanceID]*total // of the candidate
	classes    map[string]*NewClass
	lately     rate
	alarm      *Verdict
	replaced   slipway.InstanceID
	points     []Point
	everyPoint int
	placebo    bool // of the figures of a verdict only the evidence counts
}

// New returns a judge that has seen nothing.
func New(e slipway.Evidence, k slipway.Kind) *Judge {
	j := &Judge{rules: e, kind: k, past: newPast(), sources: sources{}, stages: map[int]time.Time{}, everyPoint: 1}
	j.anew()
	return j
}

// NewFirst returns a judge of a candidate before which nothing served. It never says
// [Rollback].
func NewFirst(e slipway.Evidence) *Judge {
	j := New(e, slipway.Web)
	j.first = true
	j.anew() // nothing is bet as if something served beside it
	return j
}

// Of returns the judge of a deployment of r, which is judged by evidence.
func Of(d slipway.Deployment, r slipway.Revision) *Judge {
	if d.Stable == "" {
		return NewFirst(*r.Evidence)
	}
	return New(*r.Evidence, r.Kind)
}

// NewPlacebo returns a judge of a random part of the requests beside the rest: it
// says whether there is an alarm, draws nothing, and accuses no instance. It takes a
// small part of the memory and the time of another.
func NewPlacebo(e slipway.Evidence) *Judge {
	j := &Judge{rules: e, kind: slipway.Web, past: newPast(), sources: sources{}, stages: map[int]time.Time{}, placebo: true}
	j.anew()
	return j
}

// anew forgets what was bet, and keeps what the stable group is like.
func (j *Judge) anew() {
	j.trial, j.without = newTrial(j.rules, j.kind, j.first), map[slipway.InstanceID]*trial{}
	j.pass = newPass(j.rules)
	j.ratio = interval{low: -1}
	if !j.placebo {
		j.ratio = newInterval(j.rules.Rollback, newCells)
	}
	j.canary, j.baseline, j.by = total{}, total{}, map[slipway.InstanceID]*total{}
	j.classes = map[string]*NewClass{}
	j.began, j.alarm = time.Time{}, nil
}

// maxAlone bounds the instances that a candidate is looked at without.
const maxAlone = 100

// Look folds a batch. It returns Invalid for what nobody can have counted, and
// then has not looked at it.
func (j *Judge) Look(b Batch) error {
	if err := b.validate(); err != nil {
		return err
	}
	if j.alarm != nil && j.alarm.Decision == Rollback {
		return nil
	}
	if b.Except != "" && j.replaced == "" {
		j.replaced = b.Except
		j.anew()
	}
	j.sources.look(b.Outside)
	baseline := together(b.Baseline, "")
	if !b.IsHistory() && !j.warms(b) {
		j.past.fix(enough)
		j.fold(b, baseline)
	}
	j.past.learn(baseline, b.Outside)
	if b.IsHistory() {
		j.past.fix(plenty) // so that what comes now says how it comes: one by one, or together
	}
	return nil
}

// Recall folds a batch in the form in which it is kept. It returns Internal for
// what cannot be read or judged.
func (j *Judge) Recall(kept []byte) error {
	var b Batch
	err := json.Unmarshal(kept, &b)
	if err == nil {
		err = j.Look(b)
	}
	if err != nil {
		return slipway.Errorf(slipway.Internal, "evidence that was kept cannot be judged: %w", err)
	}
	return nil
}

// warms reports whether b is from the beginning of a weight that is not looked at.
func (j *Judge) warms(b Batch) bool {
	if _, known := j.stages[b.Stage]; !known {
		j.stages[b.Stage] = b.At
	}
	return j.begins(b, j.rules.WarmUp)
}

// begins reports whether b is from so long a beginning of its weight.
func (j *Judge) begins(b Batch, length time.Duration) bool {
	return length > 0 && !b.At.After(j.stages[b.Stage].Add(length))
}

// known is what the stable group was like, as far as b is compared with it.
func (j *Judge) known(b Batch) past {
	known := j.past
	if j.begins(b, j.rules.Settle) {
		known.cuts = nil
	}
	return known
}

func (j *Judge) fold(b Batch, baseline side) {
	canary := together(b.Canary, "")
	j.without = j.apart(b)
	j.batches++
	if j.began.IsZero() {
		if j.began = b.Since; j.began.IsZero() {
			j.began = b.At
		}
	}
	j.lately.look(b.At.Sub(b.Since), canary.started+baseline.started)
	j.at, j.weight = b.At, b.Weight
	j.bet(j.trial, b, canary, baseline)
	for i, t := range j.without {
		j.bet(t, b, together(b.Canary, i), baseline)
	}
	if b.Weight < slipway.All {
		j.pass.look(b.Split, canary, baseline, j.known(b))
		j.ratio.look(b.Split, counts{float64(canary.cells.All), float64(canary.cells.Failed), float64(baseline.cells.All), float64(baseline.cells.Failed)}, j.past.failed.before())
	}
	if !b.Sticky {
		j.mix.look(b.Weight, canary.started, baseline.started)
	}
	j.past.follow(canary, j.rules)
	j.remember(b, canary, baseline)
	j.decide()
	if !j.placebo {
		j.draw(b)
	}
}

// bet lets a trial bet on a batch.
func (j *Judge) bet(t *trial, b Batch, canary, baseline side) {
	if b.Weight < slipway.All {
		t.beside(b.Split, canary, baseline, b.Outside, j.known(b))
	} else {
		t.alone(canary, j.past)
	}
}

// apart begins to look at the candidate without each instance that is new: until
// now that was all of it.
func (j *Judge) apart(b Batch) map[slipway.InstanceID]*trial {
	for _, s := range b.Canary {
		if j.without[s.Instance] == nil && !j.placebo && len(j.without) < maxAlone && j.replaced == "" {
			j.without[s.Instance] = j.trial.clone()
		}
	}
	return j.without
}
