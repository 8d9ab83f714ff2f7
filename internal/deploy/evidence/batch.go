package evidence

import (
	"math"
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

// Batch is what was counted between two looks, of requests that were given out by
// one split. Counts of different splits are never put together: the mix of hours
// and weights would pass for a difference of versions.
type Batch struct {
	At       time.Time           `json:"at"`
	Since    time.Time           `json:"since"` // the last look; zero at the first
	Stage    int                 `json:"stage"` // when its split was first seen
	Split    slipway.Fence       `json:"split"` // the route; zero for workers, which have none
	Weight   slipway.BasisPoints `json:"weight"`
	Sticky   bool                `json:"sticky,omitempty"`
	Except   slipway.InstanceID  `json:"except,omitempty"` // was replaced, and is not in here
	Canary   []Sample            `json:"canary,omitempty"`
	Baseline []Sample            `json:"baseline,omitempty"`
	Outside  []Outside           `json:"outside,omitempty"` // new since the last look
}

// IsHistory reports whether b is from before the candidate had weight. It says
// what to bet on, and is no evidence.
func (b Batch) IsHistory() bool { return b.Weight == 0 }

// Sample is what is new of one instance. Its Tally has no Open: see Opened.
type Sample struct {
	Instance slipway.InstanceID `json:"instance"`
	Placebo  bool               `json:"placebo,omitempty"`
	slipway.Tally
	// Opened is by how much there are more requests in flight, by how long they have
	// taken. Those that have grown older, or ended, have left where they were.
	Opened   map[slipway.Bucket]int64 `json:"opened,omitempty"`
	Minutes  float64                  `json:"minutes,omitempty"` // for which it was ready; of one that Said nothing, 0
	Warnings uint64                   `json:"warnings,omitempty"`
	Errors   uint64                   `json:"errors,omitempty"`
	Classes  []Class                  `json:"classes,omitempty"`
}

// Class is an [slipway.ErrorClass] and how many more of it there are.
type Class struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Count uint64 `json:"count"`
}

// Started is how many requests of s have begun since the last look, as far as
// those in flight are known.
func (s Sample) Started() float64 {
	n := float64(s.Requests)
	for _, of := range s.Opened {
		n += float64(of)
	}
	return max(n, 0)
}

// Placebo is b with the stable group on both sides: the part of its requests that
// is drawn for it at random, and the rest. Whatever a [Judge] says against that
// part is a false alarm.
func (b Batch) Placebo() (p Batch, ok bool) {
	p = Batch{At: b.At, Since: b.Since, Stage: b.Stage, Split: b.Split, Weight: b.Weight, Sticky: true}
	for _, s := range b.Baseline {
		s.Minutes, s.Warnings, s.Errors, s.Classes = 0, 0, 0, nil // nobody knows which of the two they are of
		if s.Placebo {
			p.Canary = append(p.Canary, s)
		} else {
			p.Baseline = append(p.Baseline, s)
		}
	}
	return p, len(p.Canary) > 0
}

// validate refuses what nobody can have counted.
func (b Batch) validate() error {
	for _, s := range slices.Concat(b.Canary, b.Baseline) {
		c := s.Cells
		switch {
		case c.Failed > c.All || c.Refused > c.All:
			return slipway.Errorf(slipway.Invalid, "%s: of %d cells, %d failed and %d were refused", s.Instance, c.All, c.Failed, c.Refused)
		case s.Failed() > s.Requests+s.Late || s.Refusals > s.Requests+s.Late:
			return slipway.Errorf(slipway.Invalid, "%s: of %d requests, %d failed and %d were refused", s.Instance, s.Requests+s.Late, s.Failed(), s.Refusals)
		case !(s.Minutes >= 0) || math.IsInf(s.Minutes, 0):
			return slipway.Errorf(slipway.Invalid, "%s: counted for %g minutes", s.Instance, s.Minutes)
		}
	}
	for _, o := range b.Outside {
		for _, c := range []Count{o.Canary, o.Baseline} {
			if !(c.Failed >= 0 && c.Failed <= c.All) || math.IsInf(c.All, 0) {
				return slipway.Errorf(slipway.Invalid, "%s: %g of %g failed", o.Name, c.Failed, c.All)
			}
		}
	}
	return nil
}
