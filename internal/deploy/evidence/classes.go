package evidence

import (
	"cmp"
	"maps"
	"slices"
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

// Classes are the new classes, the most frequent first.
func (j *Judge) Classes() []NewClass {
	var all []NewClass
	for _, id := range slices.Sorted(maps.Keys(j.classes)) {
		all = append(all, *j.classes[id])
	}
	slices.SortStableFunc(all, func(a, b NewClass) int { return cmp.Compare(b.Canary, a.Canary) })
	return all
}
