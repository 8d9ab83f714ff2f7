package rollout

import "github.com/slipway-cd/slipway"

// Compile turns a strategy into the schedule that moves a target from a group
// of from instances to a new one of want. Without a stable group (first) there
// is nothing to replace: the new group has to become ready, and that is all.
//
//	rolling 3 → 3    new 1 old 2 ▸ new 2 old 1 ▸ new 3 old 0
//	rolling 2 → 4    new 1 old 1 ▸ new 2 old 1 ▸ new 3 old 0 ▸ new 4 old 0
//	recreate         old 0, then new n, in one stage
//	first            new n
func Compile(strategy slipway.Strategy, kind slipway.Kind, from, want int, first bool) []slipway.Stage {
	web := kind == slipway.Web
	switch {
	case strategy == slipway.Recreate:
		return []slipway.Stage{{New: want, Order: slipway.Vacate, ByReady: web}}
	case first || want == 0:
		return []slipway.Stage{{New: want, Order: slipway.Surge, ByReady: web}}
	}
	stages := make([]slipway.Stage, want)
	for i := range stages {
		n := i + 1
		stages[i] = slipway.Stage{
			New:     n,
			Old:     from * (want - n) / want, // rounded down, new + old still never less than min(from, want)
			Order:   slipway.Surge,
			ByReady: web,
		}
	}
	return stages
}
