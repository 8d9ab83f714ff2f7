package evidence

import (
	"cmp"
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

// said is what an instance had printed at the last look.
type said struct {
	Instance slipway.InstanceID `json:"instance"`
	Counter  string             `json:"counter"`
	Warnings uint64             `json:"warnings,omitempty"`
	Errors   uint64             `json:"errors,omitempty"`
	Classes  map[string]uint64  `json:"classes,omitempty"`
}

func saidOf(i slipway.InstanceStatus) said {
	s := said{Instance: i.ID, Counter: i.Said.Counter, Warnings: i.Said.Warnings, Errors: i.Said.Errors, Classes: map[string]uint64{}}
	for _, c := range i.Said.Classes {
		s.Classes[c.ID] = c.Count
	}
	return s
}

// output takes what instances have printed. An instance counts from the first
// look at which it is ready: what it prints while it starts says nothing of how
// it serves, and one side starts more often than the other.
func (t *taking) output() error {
	for _, g := range t.look.Instances {
		if g.ID != t.look.Canary && g.ID != t.look.Baseline {
			continue
		}
		for _, i := range g.Instances {
			if i.Said == nil || !i.EverReady || g.ID == t.look.Canary && i.ID == t.look.Except {
				continue
			}
			if err := t.printed(g.ID == t.look.Canary, i); err != nil {
				return err
			}
		}
	}
	slices.SortFunc(t.Said, func(a, b said) int { return cmp.Compare(a.Instance, b.Instance) })
	return nil
}

func (t *taking) printed(canary bool, i slipway.InstanceStatus) error {
	now, lasted := saidOf(i), t.look.At.Sub(t.At)
	at := slices.IndexFunc(t.Said, func(s said) bool { return s.Instance == i.ID })
	var was said
	switch {
	case at < 0 && (canary || t.look.Weight > 0):
		t.Said = append(t.Said, now)
		return nil
	case at < 0: // all that the stable group ever said is history, though nobody knows how long it took
		t.Said = append(t.Said, now)
		was.Warnings, was.Errors, lasted = now.Warnings, now.Errors, 0
	case t.Said[at].Counter == now.Counter:
		was = t.Said[at]
		fallthrough
	default: // another counter has begun at zero
		t.Said[at] = now
	}
	return t.news(canary, i, was, lasted)
}

// news adds what an instance has printed since it had printed what it was.
func (t *taking) news(canary bool, i slipway.InstanceStatus, was said, lasted time.Duration) error {
	d := difference{}
	s := Sample{Minutes: lasted.Minutes(), Warnings: d.of(was.Warnings, i.Said.Warnings), Errors: d.of(was.Errors, i.Said.Errors)}
	for _, c := range i.Said.Classes {
		if n := d.of(was.Classes[c.ID], c.Count); n > 0 {
			s.Classes = append(s.Classes, Class{ID: c.ID, Title: c.Title, Count: n})
		}
	}
	if d.backwards {
		return slipway.Errorf(slipway.Conflict, "counts of what %s has printed go backwards", i.ID)
	}
	if canary && t.look.Weight == 0 {
		return nil
	}
	to := t.newest().sample(canary, i.ID, false)
	to.Minutes, to.Warnings, to.Errors, to.Classes = s.Minutes, s.Warnings, s.Errors, s.Classes
	return nil
}
