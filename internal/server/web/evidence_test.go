package web

import (
	"strings"
	"testing"
	"time"

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

func TestFiguresAreWrittenOut(t *testing.T) {
	if got := times(187) + " " + times(.0239) + " " + rate(api.EvidenceCount{Failed: 106, All: 106}); got != "187× 0.024× 100 % (106 of 106)" {
		t.Error(got)
	}
}

// What has ended does not say what to wait for, and shows where it did.
func TestWhatHasEndedSaysWhatWasKnown(t *testing.T) {
	d := api.Deployment{Phase: "progressing", At: 1, StartedAt: new(time.Now()), HeldSince: new(time.Now().Add(-time.Minute)),
		Stages:   []api.Stage{{Title: "ready"}, {Title: "10 %", HoldMS: 15000}, {Title: "100 %"}},
		Evidence: &api.Evidence{Verdict: "inconclusive", Why: "INCONCLUSIVE: 7 requests; excluding a tenfold rise would need about 360. Wait (15 min) or promote by hand."}}
	if said(d.Ended, d.Evidence) != d.Evidence.Why || ended(d, 1) || held(d) != "1 min 0 s, at least 15 s" {
		t.Errorf("%s; %s", said(d.Ended, d.Evidence), held(d))
	}
	d.Phase, d.Ended = "rolled_back", true
	if said(d.Ended, d.Evidence) != "INCONCLUSIVE: 7 requests; excluding a tenfold rise would need about 360." || ended(d, 0) || !ended(d, 1) || ended(d, 2) {
		t.Error(said(d.Ended, d.Evidence))
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

func TestWhatAMetricLacksIsOnThePage(t *testing.T) {
	const lacks = "there is no counter of its <failures>"
	for why, note := range map[string]bool{"PROMOTED": true, "INCONCLUSIVE: orders: " + lacks: false} {
		e := &api.Evidence{Verdict: "promote", Why: why, Metrics: []api.EvidenceMetric{{Name: "errors"}, {Name: "orders", Lacks: lacks}}, History: []api.EvidencePoint{{Metrics: []float64{0, 0}}}}
		var page strings.Builder
		if err := templates().ExecuteTemplate(&page, "deployment-evidence", map[string]any{"Evidence": e, "ID": 7, "Ended": false}); err != nil {
			t.Fatal(err)
		}
		const shown = "there is no counter of its &lt;failures&gt;"
		if got := page.String(); strings.Contains(got, "<b>orders</b>: "+shown) != note || !strings.Contains(got, `<th scope="row">orders <small>`+shown) {
			t.Error(got)
		}
	}
}
