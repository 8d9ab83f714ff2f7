package web

import (
	"testing"

	"github.com/slipway-cd/slipway/api"
)

func TestPlaceboInWords(t *testing.T) {
	for want, p := range map[string]api.Placebo{
		"no trial has ended yet":                                         {},
		"0 alarms in 1 trial (0\u00a0%, at most 1\u00a0% expected)":      {Trials: 1},
		"1 alarm in 212 trials (0.47\u00a0%, at most 1\u00a0% expected)": {Trials: 212, Alarms: 1},
	} {
		if got := placebo(p); got != want {
			t.Errorf("%+v: %q, want %q", p, got, want)
		}
	}
}

func TestATableHasTheLastPoint(t *testing.T) {
	for _, n := range []int{1, 19, 20, 21, 200} {
		all := make([]api.EvidencePoint, n)
		for i := range all {
			all[i].Stage = i
		}
		some := thinned(all)
		if len(some) > tableRows || some[len(some)-1].Stage != n-1 {
			t.Errorf("of %d points %d, the last %+v", n, len(some), some[len(some)-1])
		}
	}
}
