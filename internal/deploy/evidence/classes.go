package evidence

import (
	"cmp"
	"maps"
	"slices"

	"github.com/slipway-cd/slipway"
)

// NewClass is a class of errors that the stable group had never shown when the
// candidate showed it.
type NewClass struct {
	ID       string `json:"id"`
	Title    string `json:"title"`
	Canary   uint64 `json:"canary"`
	Baseline uint64 `json:"baseline"` // since then
}

// name counts the new classes of a batch.
func (j *Judge) name(canary, baseline side) {
	for id, c := range canary.classes {
		if j.classes[id] == nil && !j.past.classes[id] && baseline.classes[id].Count == 0 && len(j.classes) < maxClasses {
			j.classes[id] = &NewClass{ID: id, Title: c.Title}
		}
	}
	for id, c := range j.classes {
		c.Canary += canary.classes[id].Count
		c.Baseline += baseline.classes[id].Count
	}
}

// Classes are the new classes, the most frequent first. One that the stable group
// has shown since, about as often, is none: it was there before, and seldom.
func (j *Judge) Classes() []NewClass {
	var all []NewClass
	for _, id := range slices.Sorted(maps.Keys(j.classes)) {
		c := *j.classes[id]
		if 2*float64(c.Baseline)*j.canary.weight() < float64(c.Canary)*j.baseline.weight() || c.Baseline == 0 {
			all = append(all, c)
		}
	}
	slices.SortStableFunc(all, func(a, b NewClass) int { return cmp.Compare(b.Canary, a.Canary) })
	return all
}

// Worst is the instance of the candidate that had the most errors, by requests and
// by what it printed: the first to look at. It is "" before there were any.
func (j *Judge) Worst() (worst slipway.InstanceID) {
	most := -1.0
	for _, i := range slices.Sorted(maps.Keys(j.by)) {
		if n := j.by[i].failed + j.by[i].lines; n > most {
			worst, most = i, n
		}
	}
	return worst
}
