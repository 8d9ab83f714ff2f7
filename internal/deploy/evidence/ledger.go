package evidence

import (
	"cmp"
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

// Ledger knows what was counted already. It is kept, as JSON, with the batches
// that it gave out; the zero value has seen nothing.
type Ledger struct {
	At      time.Time         `json:"at"`
	Floor   slipway.Fence     `json:"floor"`            // what is older is not looked at any more
	Splits  []split           `json:"splits,omitempty"` // in which the candidate has weight, the newest last
	Counted []slipway.Counted `json:"counted,omitempty"`
	Said    []said            `json:"said,omitempty"`
	Outside []told            `json:"outside,omitempty"`
	Growth  Growth            `json:"growth,omitzero"` // of the candidate, of which no batch tells
}

// split is a route that gives weight to the candidate.
type split struct {
	Fence  slipway.Fence       `json:"fence"`
	Stage  int                 `json:"stage"`
	Weight slipway.BasisPoints `json:"weight"`
}

// Bounds of a ledger.
const (
	maxSplits  = 64     // the oldest are closed: a request that began under them may end uncounted
	maxCounted = 10_000 // routers times instances times splits
)

// Take returns what is new at a look, one batch per split that has news, the
// oldest first, and remembers it. Counts are told apart by router, its process,
// route, instance and arm, so that a router that starts anew, or that is not heard
// for a while, neither loses nor doubles any.
//
// It returns Conflict when counts go backwards, Invalid when something was
// counted twice, and TooLarge when there is more than a ledger holds; then nothing
// is remembered.
func (l *Ledger) Take(look Look) ([]Batch, error) {
	t := taking{Ledger: *l, look: look, batches: map[slipway.Fence]*Batch{}, last: map[key]slipway.Counted{}}
	t.Splits, t.Counted, t.Said, t.Outside = slices.Clone(l.Splits), nil, slices.Clone(l.Said), slices.Clone(l.Outside)
	if look.At.Before(l.At) {
		return nil, slipway.Errorf(slipway.Conflict, "what was counted at %s comes after what was counted at %s", look.At, l.At)
	}
	for _, c := range l.Counted {
		t.last[keyOf(c)] = c
	}
	t.open()
	if err := t.requests(); err != nil {
		return nil, err
	}
	if err := t.output(); err != nil {
		return nil, err
	}
	t.outside()
	for _, g := range look.Instances {
		if g.ID == look.Canary {
			t.Growth.Note(g)
		}
	}
	t.At = look.At
	*l = t.Ledger
	return t.sorted(), nil
}

// taking is one look of a ledger.
type taking struct {
	Ledger
	look    Look
	batches map[slipway.Fence]*Batch
	last    map[key]slipway.Counted
}

// key is within what counts only grow.
type key struct {
	router   slipway.RouterID
	boot     string
	fence    slipway.Fence
	instance slipway.InstanceID
	placebo  bool
}

func keyOf(c slipway.Counted) key { return key{c.Router, c.Boot, c.Fence, c.Instance, c.Placebo} }

// open finds the splits that this look is the first to see, and ends the time
// before the first of them.
func (t *taking) open() {
	for _, c := range t.look.Counted {
		known := slices.ContainsFunc(t.Splits, func(s split) bool { return s.Fence == c.Fence })
		if c.Group == t.look.Canary && c.Weight > 0 && !known && !c.Fence.Less(t.Floor) {
			t.Splits = append(t.Splits, split{Fence: c.Fence, Stage: t.look.Stage, Weight: c.Weight})
		}
	}
	slices.SortFunc(t.Splits, func(a, b split) int { return compare(a.Fence, b.Fence) })
	t.Splits = t.Splits[max(0, len(t.Splits)-maxSplits):]
	if len(t.Splits) > 0 {
		t.Floor = t.Splits[0].Fence
	}
}

func compare(a, b slipway.Fence) int {
	return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Generation, b.Generation))
}

// requests takes what routers have counted.
func (t *taking) requests() error {
	seen := map[key]bool{}
	for _, c := range t.look.Counted {
		k := keyOf(c)
		if c.Fence.Less(t.Floor) || c.Group != t.look.Canary && c.Group != t.look.Baseline || !t.counts(c) {
			continue
		}
		if seen[k] {
			return slipway.Errorf(slipway.Invalid, "router %s counts %s twice for route %s", c.Router, c.Instance, c.Fence)
		}
		seen[k] = true
		s, news, err := since(t.last[k], c)
		if err != nil {
			return err
		}
		t.last[k] = c
		if news && (c.Instance != t.look.Except || c.Group != t.look.Canary) {
			t.batch(c.Fence).add(c.Group == t.look.Canary, s)
		}
	}
	for k, c := range t.last {
		if !k.fence.Less(t.Floor) {
			t.Counted = append(t.Counted, c)
		}
	}
	if len(t.Counted) > maxCounted {
		return slipway.Errorf(slipway.TooLarge, "there are %d counts of routers, instances and routes; at most %d are looked at", len(t.Counted), maxCounted)
	}
	slices.SortFunc(t.Counted, func(a, b slipway.Counted) int {
		return cmp.Or(compare(a.Fence, b.Fence), cmp.Compare(a.Router, b.Router), cmp.Compare(a.Boot, b.Boot),
			cmp.Compare(a.Instance, b.Instance), fewer(a.Placebo, b.Placebo))
	})
	return nil
}

// counts reports whether c is of a split that holds the candidate, or from before
// there is one. What is neither may become so when the candidate's first request
// is counted, and waits.
func (t *taking) counts(c slipway.Counted) bool {
	if len(t.Splits) == 0 {
		return t.look.Weight == 0 || c.Weight == slipway.All
	}
	return slices.ContainsFunc(t.Splits, func(s split) bool { return s.Fence == c.Fence })
}

// batch is the one of a split; that of no split is history.
func (t *taking) batch(of slipway.Fence) *Batch {
	b := t.batches[of]
	if b == nil {
		b = &Batch{At: t.look.At, Since: t.At, Stage: t.look.Stage, Split: of, Sticky: t.look.Sticky, Except: t.look.Except}
		if at := slices.IndexFunc(t.Splits, func(s split) bool { return s.Fence == of }); at >= 0 {
			b.Stage, b.Weight = t.Splits[at].Stage, t.Splits[at].Weight
		}
		t.batches[of] = b
	}
	return b
}

// newest is the batch for what has no split of its own.
func (t *taking) newest() *Batch {
	if n := len(t.Splits); n > 0 {
		return t.batch(t.Splits[n-1].Fence)
	}
	b := t.batch(slipway.Fence{})
	b.Weight = t.look.Weight // of workers
	return b
}

func (t *taking) sorted() []Batch {
	var all []Batch
	for _, b := range t.batches {
		for _, side := range [][]Sample{b.Canary, b.Baseline} {
			slices.SortFunc(side, func(a, b Sample) int {
				return cmp.Or(cmp.Compare(a.Instance, b.Instance), fewer(a.Placebo, b.Placebo))
			})
		}
		all = append(all, *b)
	}
	slices.SortFunc(all, func(a, b Batch) int { return compare(a.Split, b.Split) })
	return all
}

func fewer(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
