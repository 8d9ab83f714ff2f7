package view

import (
	"fmt"
	"strconv"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// stages shows a schedule. What splits traffic is called by its weight, what
// replaces some at a time by its place.
func stages(all []slipway.Stage, kind slipway.Kind) []api.Stage {
	shown := make([]api.Stage, 0, len(all))
	for i, s := range all {
		w := int(s.Weight)
		if s.ByReady && s.New+s.Old > 0 {
			w = int(slipway.All) * s.New / (s.New + s.Old)
		}
		one := api.Stage{
			New: s.New, Old: s.Old, Weight: w, Title: title(all, i, kind), Order: string(s.Order),
			Weighted: !s.ByReady && kind == slipway.Web, Leased: s.Leased, Tests: s.Preview, HoldMS: s.Hold.Milliseconds(),
		}
		for _, g := range s.Gates {
			one.Gates = append(one.Gates, string(g))
		}
		shown = append(shown, one)
	}
	return shown
}

func title(all []slipway.Stage, i int, kind slipway.Kind) string {
	s := all[i]
	switch {
	case s.ByReady, kind != slipway.Web:
		return fmt.Sprintf("%d of %d", i+1, len(all))
	case s.Preview:
		return "tests"
	case s.Weight == 0:
		return "ready"
	case i > 0 && s.Weight == slipway.All && all[i-1].Weight == slipway.All:
		return "old gone"
	}
	return percent(s.Weight)
}

// percent is a weight as people read it: 10 %, 0.5 %.
func percent(w slipway.BasisPoints) string {
	return strconv.FormatFloat(float64(w)/100, 'f', -1, 64) + " %"
}

func gate(v slipway.GateVerdict) api.Gate {
	return api.Gate{Gate: string(v.Gate), State: string(v.State), Why: v.Why}
}
