package evidence

import (
	"maps"
	"math"
	"slices"

	"github.com/slipway-cd/slipway"
)

// decide takes the first crossing, which counts however the evidence goes on.
func (j *Judge) decide() {
	bar := -math.Log(j.rules.Rollback.Error)
	switch {
	case j.alarm != nil:
		if t := j.without[j.alarm.Instance]; t != nil && t.total() >= bar {
			j.convict()
		}
	case j.trial.total() >= bar:
		if i, found := j.culprit(); found {
			j.accuse(ReplaceInstance, i)
			return
		}
		j.convict()
	}
}

// convict accuses all of the candidate.
func (j *Judge) convict() {
	if j.first {
		j.accuse(Worse, "")
		return
	}
	j.accuse(Rollback, "")
}

func (j *Judge) accuse(d Decision, i slipway.InstanceID) {
	j.alarm = nil
	v := j.figures()
	v.Decision, v.Instance = d, i
	v.Why = j.words(v)
	j.alarm = &v
}

// culprit is an instance that all of the evidence is of: without it there is
// none, though the others were given about as much.
func (j *Judge) culprit() (worst slipway.InstanceID, found bool) {
	if j.replaced != "" || len(j.by) < 2 {
		return "", false
	}
	least := 0.0
	for _, i := range slices.Sorted(maps.Keys(j.without)) {
		mine := j.by[i]
		rest := j.canary.weight() - mine.weight()
		if e := j.without[i].total(); e <= least && rest >= mine.weight()/2 && rest > 0 {
			worst, least, found = i, e, true
		}
	}
	return worst, found
}
