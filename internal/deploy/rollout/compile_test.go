package rollout_test

import (
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/rollout"
)

// TestRollingKeepsItsCapacity goes through every move between up to forty
// instances.
func TestRollingKeepsItsCapacity(t *testing.T) {
	for from := range 41 {
		for want := 1; want <= 40; want++ {
			before := slipway.Stage{Old: from}
			for i, stage := range rollout.Compile(slipway.Rollout{Strategy: slipway.Rolling}, slipway.Web, from, want, false) {
				if stage.New != before.New+1 || stage.Old > before.Old || stage.Order != slipway.Surge {
					t.Fatalf("%d → %d: stage %d goes from %+v to %+v", from, want, i+1, before, stage)
				}
				if stage.New+stage.Old < min(from, want) {
					t.Errorf("%d → %d: stage %d leaves %d new and %d old", from, want, i+1, stage.New, stage.Old)
				}
				before = stage
			}
			if before.New != want || before.Old != 0 {
				t.Errorf("%d → %d ends with %d new and %d old", from, want, before.New, before.Old)
			}
		}
	}
}

func TestCompilesToOneStage(t *testing.T) {
	for _, test := range []struct {
		name     string
		strategy slipway.Strategy
		kind     slipway.Kind
		first    bool
		want     slipway.Stage
	}{
		{"first", slipway.Rolling, slipway.Web, true, slipway.Stage{New: 3, Order: slipway.Surge, ByReady: true}},
		{"first worker", slipway.Rolling, slipway.Worker, true, slipway.Stage{New: 3, Order: slipway.Surge, ByReady: true}},
		{"recreate", slipway.Recreate, slipway.Worker, false, slipway.Stage{New: 3, Order: slipway.Alone, ByReady: true}},
	} {
		got := rollout.Compile(slipway.Rollout{Strategy: test.strategy}, test.kind, 2, 3, test.first)
		if len(got) != 1 || got[0].New != test.want.New || got[0].Old != 0 || got[0].Order != test.want.Order || got[0].ByReady != test.want.ByReady {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}
