package sim

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/controller"
)

// TestReplaysExactly holds a seed to one story.
func TestReplaysExactly(t *testing.T) {
	for seed := range uint64(20) {
		a, b := Run(seed, Options{Tell: true}), Run(seed, Options{Tell: true})
		if !slices.Equal(a.Story, b.Story) {
			t.Errorf("seed %d tells two stories", seed)
		}
	}
}

// TestPlanIsPure plans everything twice: the same comes out, and what went in
// is as it was.
func TestPlanIsPure(t *testing.T) {
	plans := 0
	twice := func(plan controller.Planner) controller.Planner {
		return func(s slipway.State, now time.Time) slipway.Decision {
			plans++
			before, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			first, second := plan(s, now), plan(s, now)
			if !reflect.DeepEqual(first, second) {
				t.Errorf("two decisions about one state:\n%+v\n%+v", first, second)
			}
			after, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			if string(before) != string(after) {
				t.Errorf("a plan changed what it looked at:\n%s\n%s", before, after)
			}
			return first
		}
	}
	for seed := range uint64(20) {
		if r := Run(seed, Options{Mutate: twice}); r.Violation != "" {
			t.Errorf("seed %d: %s", seed, r.Violation)
		}
	}
	t.Logf("%d plans", plans)
}

// TestPlanIsTheSameUntilSomethingHappens plans once more from what was just
// committed: all that could be decided was decided at once.
func TestPlanIsTheSameUntilSomethingHappens(t *testing.T) {
	again := func(plan controller.Planner) controller.Planner {
		return func(s slipway.State, now time.Time) slipway.Decision {
			d := plan(s, now)
			if !d.Changed || d.Next.Target.Removing { // which goes on when the deployment has ended
				return d
			}
			next := d.Next
			next.Target.Fence = next.Target.Fence.Next()
			next.ObservedAt = next.Target.Fence
			if next.Deployment != nil && next.Deployment.Phase.Ended() {
				next.Deployment = nil
			}
			if more := plan(next, now); more.Changed {
				t.Errorf("planned twice for one observation:\n%v\n%v", d.Actions, more.Actions)
			}
			return d
		}
	}
	for seed := range uint64(20) {
		Run(seed, Options{Mutate: again})
	}
}
