package evidence

import (
	"time"

	"github.com/slipway-cd/slipway"
)

// Look is what there is to be seen at one moment: counts since whatever counts
// began, which a [Ledger] turns into what is new.
type Look struct {
	At        time.Time
	Stage     int
	Weight    slipway.BasisPoints // that the candidate is to have now; 0: none yet, what is counted is history
	Canary    slipway.GroupID
	Baseline  slipway.GroupID    // "" where nothing serves beside it
	Except    slipway.InstanceID // was replaced, and counts no longer
	Sticky    bool               // browsers stay with their group: the split is not one of requests
	Counted   []slipway.Counted
	Instances []slipway.GroupStatus
	Outside   []Answer
}

// Answer is what somebody else has counted of both groups, as a [slipway.Query]
// asks for it.
type Answer struct {
	Name     string
	Canary   Counters
	Baseline Counters // none where nothing serves beside the candidate
	Unheard  bool     // there is no counter of failures, nor was one of any release lately
	Why      string   // there is no answer
}

// Counters are those of one group, by what tells one from the other: of each of its
// instances there may be some. One begins anew when whoever counts does, and is
// away while nobody hears of it.
type Counters struct {
	Failed map[string]float64 `json:"failed,omitempty"`
	All    map[string]float64 `json:"all,omitempty"`
}

// Outside is what is new of an [Answer].
type Outside struct {
	Name     string `json:"name"`
	Canary   Count  `json:"canary"`
	Baseline Count  `json:"baseline"`
	Unheard  bool   `json:"unheard,omitempty"` // that nothing has failed may be for want of a counter
	Why      string `json:"why,omitempty"`     // there is no answer; then nothing is decided in favour of the candidate
}

// Count is how many of how many failed.
type Count struct {
	Failed float64 `json:"failed"`
	All    float64 `json:"all"`
}

func (c Count) plus(d Count) Count { return Count{c.Failed + d.Failed, c.All + d.All} }

// Rate is the part that failed; 0 of nothing.
func (c Count) Rate() float64 {
	if c.All == 0 {
		return 0
	}
	return c.Failed / c.All
}
