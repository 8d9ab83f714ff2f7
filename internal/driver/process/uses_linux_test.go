package process_test

import (
	"errors"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/driver/process"
)

func TestWhatAnInstanceUsesIsMeasured(t *testing.T) {
	t.Parallel()
	for name, without := range map[string]error{"in its group": nil, "without groups": errors.New("as a test wants it")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.without = without
			d, i := w.serve()
			for _, i := range all(t, d) {
				if i.Uses != nil {
					t.Error("whoever looks at everything has everything measured")
				}
			}
			first := observe(t, d).Uses
			if first == nil || first.Memory < 1<<20 || first.Memory > 1<<30 || first.CPU < 0 || first.Room < 1<<20 || time.Since(first.At) > 10*time.Second {
				t.Fatalf("%+v", first)
			}
			if again := observe(t, d).Uses; *again != *first && again.At.Sub(first.At) < time.Second {
				t.Errorf("measured twice within a second: %+v, %+v", first, again)
			}
			get(t, i, "/hold?bytes=50000000")
			get(t, i, "/burn")
			next := awaitUses(t, d, func(u slipway.Uses) bool { return u.At.After(first.At) && u.Memory > first.Memory+40_000_000 })
			if next.CPU < first.CPU+50*time.Millisecond || next.Busy <= 0 {
				t.Errorf("what ended is not counted: %+v, then %+v", first, next)
			}

			get(t, i, "/panic") // it is started again
			await(t, d, "started again", func(i slipway.InstanceStatus) bool { return ready(i) && i.Restarts == 1 })
			awaitUses(t, d, func(u slipway.Uses) bool { return u.CPU < next.CPU && u.Memory < next.Memory })
		})
	}
}

// awaitUses observes until what the instance uses is as ok says.
func awaitUses(t testing.TB, d *process.Driver, ok func(slipway.Uses) bool) slipway.Uses {
	t.Helper()
	var last *slipway.Uses
	for start := time.Now(); time.Since(start) < 20*time.Second; time.Sleep(5 * time.Millisecond) {
		if last = observe(t, d).Uses; last != nil && ok(*last) {
			return *last
		}
	}
	t.Fatalf("still %+v", last)
	panic("unreachable")
}

func TestWhatDoesNotRunUsesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.start()
	apply(t, d, w.group(1, behaving("crashing")))
	await(t, d, "down", func(i slipway.InstanceStatus) bool { return i.Phase == slipway.InstanceBackoff && i.Restarts > 2 })
	if i := observe(t, d); i.Phase == slipway.InstanceBackoff && i.Uses != nil {
		t.Errorf("%+v", i.Uses)
	}
}
