package logline

import (
	"time"

	"github.com/slipway-cd/slipway"
)

// Tally counts events.
type Tally struct {
	said  slipway.Said
	known map[string]int // where the class with an ID is
}

// NewTally goes on from what was counted before.
func NewTally(said slipway.Said) *Tally {
	t := &Tally{said: said, known: map[string]int{}}
	for i, c := range said.Classes {
		t.known[c.ID] = i
	}
	return t
}

// Add counts an event that was seen at a moment.
func (t *Tally) Add(e Event, at time.Time) {
	if e.Level == Warning {
		t.said.Warnings++
	}
	if e.Level != Error {
		return
	}
	t.said.Errors++
	id := ClassID(e.Text)
	i, isKnown := t.known[id]
	if !isKnown {
		if len(t.said.Classes) >= slipway.MaxErrorClasses {
			t.said.Others++
			return
		}
		i = len(t.said.Classes)
		t.known[id] = i
		t.said.Classes = append(t.said.Classes, slipway.ErrorClass{ID: id, Title: Title(e.Text), First: at})
	}
	t.said.Classes[i].Count++
	t.said.Classes[i].Last = at
}

// Skip counts bytes that nobody looked at.
func (t *Tally) Skip(bytes int64) { t.said.Unread += uint64(bytes) }

// Said is what was counted so far. It is not to be kept while more is.
func (t *Tally) Said() slipway.Said { return t.said }
