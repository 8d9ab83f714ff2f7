package evidence

import (
	"fmt"
	"maps"
	"slices"
)

// told is how far a query was counted.
type told struct {
	Name     string   `json:"name"`
	Canary   Counters `json:"canary"`
	Baseline Counters `json:"baseline"`
}

// maxCounters bounds those of a group and a query that are remembered.
const maxCounters = 200

// outside takes what others have counted. What cannot be right is not taken: it is
// counted from where it was, once it makes sense again.
func (t *taking) outside() {
	for _, now := range t.look.Outside {
		news := Outside{Name: now.Name, Why: now.Why}
		if news.Why == "" {
			at := slices.IndexFunc(t.Outside, func(o told) bool { return o.Name == now.Name })
			if at < 0 {
				at = len(t.Outside)
				t.Outside = append(t.Outside, told{Name: now.Name})
			}
			news, t.Outside[at] = t.Outside[at].since(now, t.look.Weight > 0 && t.look.Baseline != "")
			news.Unheard = now.Unheard && news.Why == ""
		}
		b := t.newest()
		b.Outside = append(b.Outside, news)
	}
}

// since is what is new of an answer. The counters of a candidate begin with it;
// those of what serves already are older than the first answer. Whoever counts asks
// each instance at its own moment, so news of both groups come at different looks:
// those that are to be compared are taken together, for nothing can be said by one
// alone.
func (was told) since(now Answer, compared bool) (Outside, told) {
	news, next := Outside{Name: was.Name}, told{Name: was.Name}
	var canary, baseline string
	news.Canary, next.Canary, canary = was.Canary.since(now.Canary, true)
	news.Baseline, next.Baseline, baseline = was.Baseline.since(now.Baseline, len(was.Baseline.All) > 0)
	for _, s := range []struct {
		whose, why string
		Count
	}{{"the candidate", canary, news.Canary}, {"what serves beside it", baseline, news.Baseline}} {
		switch {
		case s.why == away:
			return Outside{Name: was.Name, Why: "nobody counts for " + s.whose + " any more"}, was
		case s.Failed > s.All:
			return Outside{Name: was.Name, Why: fmt.Sprintf("of %s more has failed (%g) than there was (%g)", s.whose, s.Failed, s.All)}, was
		case s.why == anew:
			news.Why = "the counters of " + s.whose + " began anew"
		}
	}
	if compared && (news.Canary.All == 0 || news.Baseline.All == 0) {
		if len(was.Baseline.All) == 0 {
			was.Baseline = next.Baseline
		}
		return Outside{Name: was.Name, Why: news.Why}, was
	}
	return news, next
}

// What there is to say of counters.
const (
	away = "away"
	anew = "anew"
)

// since is what came to counters, where they are now, and what there is to say.
// New ones began at zero, unless they are the first that are seen of a group that
// was there before.
func (c Counters) since(now Counters, begins bool) (came Count, next Counters, why string) {
	if len(now.All) == 0 && len(c.All) > 0 {
		return Count{}, c, away
	}
	var again, too bool
	came.All, next.All, again = grown(c.All, now.All, begins)
	came.Failed, next.Failed, too = grown(c.Failed, now.Failed, begins)
	if again || too {
		why = anew
	}
	return came, next, why
}

func grown(was, now map[string]float64, begins bool) (came float64, next map[string]float64, again bool) {
	next = maps.Clone(was)
	if next == nil {
		next = map[string]float64{}
	}
	for _, id := range slices.Sorted(maps.Keys(now)) {
		n := now[id]
		before, known := was[id]
		switch {
		case known && n >= before:
			came += n - before
		case known:
			came += n
			again = true
		case begins:
			came += n
		}
		next[id] = n
	}
	for _, id := range slices.Sorted(maps.Keys(next)) { // of instances that are gone
		if _, there := now[id]; !there && len(next) > max(maxCounters, len(now)) {
			delete(next, id)
		}
	}
	return came, next, again
}
