package preflight

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/slipway-cd/slipway"
)

const (
	waitFirst = 100 * time.Millisecond // after the first failure, then twice that, up to
	waitMost  = 2 * time.Second
)

// Flight makes the checks of one instance until each has passed once.
type Flight struct {
	checks []slipway.Check

	mu   sync.Mutex
	open map[int]string // checks that have not passed, with how each has failed
}

// NewFlight prepares the checks, of which none has passed yet.
func NewFlight(checks []slipway.Check) *Flight {
	f := &Flight{checks: checks, open: map[int]string{}}
	for i := range checks {
		f.open[i] = ""
	}
	return f
}

// Run asks until all checks have passed, or ctx ends. A failure is asked again
// after a while, which gets longer.
func (f *Flight) Run(ctx context.Context, vars map[string]string) {
	var asking sync.WaitGroup
	for _, i := range f.left() {
		c := f.checks[i]
		asking.Go(func() {
			for wait := waitFirst; ctx.Err() == nil; wait = min(2*wait, waitMost) {
				err := Ask(ctx, c, vars)
				if f.note(ctx, i, err) {
					return
				}
				select {
				case <-time.After(wait):
				case <-ctx.Done():
				}
			}
		})
	}
	asking.Wait()
}

// left are the checks that have not passed.
func (f *Flight) left() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.open))
}

func (f *Flight) note(ctx context.Context, i int, err error) (passed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case err == nil:
		delete(f.open, i)
		return true
	case ctx.Err() == nil: // else it failed because nobody wants to know any more
		f.open[i] = err.Error()
	}
	return false
}

// Passed reports whether all checks have passed, and else what is known of the
// first of those that have not.
func (f *Flight) Passed() (ok bool, why string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, c := range f.checks {
		text, open := f.open[i]
		if !open {
			continue
		}
		if text == "" {
			kind, _ := subject(c)
			text = title(c.Name, kind, "") + ": no answer yet"
		}
		if n := len(f.open) - 1; n > 0 {
			text += fmt.Sprintf(" (and %d more)", n)
		}
		return false, text
	}
	return true, ""
}

// Failure is how the first check has failed that has, and not passed since; ""
// when there is none.
func (f *Flight) Failure() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.checks {
		if text := f.open[i]; text != "" {
			return text
		}
	}
	return ""
}
