package picture

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/api"
)

const attack = `"><script>alert(1)</script>` + "\x1b]0;owned\x07"

// evidence goes on for so many looks, a second apart, and becomes worse.
func evidence(looks int) api.Evidence {
	e := api.Evidence{
		Verdict: "rollback", Why: "ROLLED BACK: " + attack, Evidence: 500, Limit: 100, Tolerance: 1.2, PromoteRatio: 1.5, LastedMS: int64(looks) * 1000,
		Metrics: []api.EvidenceMetric{{Name: "errors", Weight: .5, E: 900}, {Name: "latency", Weight: .3, E: 2}, {Name: attack, Weight: .2, E: 240}},
		Quantiles: []api.Quantile{
			{Name: "p50", Canary: api.Band{LowMS: 19, MS: 20, HighMS: 22}, Baseline: api.Band{LowMS: 18, MS: 20, HighMS: 21}},
			{Name: "p99", Canary: api.Band{LowMS: 80, MS: 200}, Baseline: api.Band{MS: 90, HighMS: 130}},
		},
	}
	begin := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	for n := range looks {
		p := api.EvidencePoint{At: begin.Add(time.Duration(n+1) * time.Second), Weight: 1000 * (1 + 4*(2*n/looks)), Stage: 1 + 2*n/looks,
			Evidence: 3 * float64(n) / float64(looks), Metrics: []float64{3*float64(n)/float64(looks) - .3, -.5, -99}}
		if n > looks/2 {
			p.RatioLow, p.RatioHigh = 1.3, 30
		}
		e.History = append(e.History, p)
	}
	return e
}

func drawings(e api.Evidence) map[string]string {
	return map[string]string{"ratio": Ratio(e), "wealth": Wealth(e), "latency": Latency(e), "whole": string(Whole(api.Deployment{Service: attack, Environment: "prod", From: 1, Release: 2, Evidence: &e}))}
}

func TestDrawings(t *testing.T) {
	for _, looks := range []int{1, 2, 200} {
		for name, text := range drawings(evidence(looks)) {
			wellFormed(t, name, text)
			if strings.Contains(text, "<script") || strings.Contains(text, "\x1b") {
				t.Errorf("%s of %d looks has what nobody escaped: %s", name, looks, text)
			}
			if !strings.Contains(text, `role="img"`) || !strings.Contains(text, "<title") || !strings.Contains(text, "<desc") {
				t.Errorf("%s of %d looks says nothing to who cannot see it", name, looks)
			}
		}
	}
}

func TestDrawingsStayWithinTheirEdges(t *testing.T) {
	e := evidence(200)
	e.Evidence, e.History[199].Evidence, e.History[199].RatioHigh, e.History[3].RatioLow = 1e260, 260, 1e9, 1e-9
	e.Quantiles[0].Canary.HighMS = 1e5
	place := regexp.MustCompile(` (?:x|x1|x2|cx)="(-?[\d.]+)"| (?:y|y1|y2|cy)="(-?[\d.]+)"|[MLHV](-?[\d.]+)`)
	for name, text := range drawings(e) {
		if name == "whole" {
			continue
		}
		for _, m := range place.FindAllStringSubmatch(text, -1) {
			n, err := strconv.ParseFloat(m[1]+m[2]+m[3], 64)
			if err != nil || math.IsNaN(n) || n < 0 || n > width {
				t.Errorf("%s: %s, %v", name, m[0], err)
			}
		}
		if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
			t.Errorf("%s: %s", name, text)
		}
	}
}

func TestWhereNothingIsKnownNothingIsDrawn(t *testing.T) {
	for name, text := range drawings(api.Evidence{Limit: 100, Tolerance: 1.2, PromoteRatio: 1.5}) {
		if name != "whole" && text != "" {
			t.Errorf("%s: %s", name, text)
		}
		wellFormed(t, name, text)
	}
}

// Where nothing serves beside the candidate there is nothing to compare it with: no
// ratio is drawn, and where nothing served before, nothing that is of the stable group.
func TestWithNothingBesideItNothingIsCompared(t *testing.T) {
	e := evidence(20)
	for n := range e.History {
		e.History[n].Weight = 10000
	}
	if got := drawings(e); got["ratio"] != "" || got["wealth"] == "" || strings.Contains(got["whole"], "candidate to stable") {
		t.Errorf("in a bake: %+v", got)
	}
	e.First, e.Metrics = true, []api.EvidenceMetric{{Name: "guard", Weight: 1, E: e.Evidence}}
	for n, p := range e.History {
		e.History[n].Metrics = []float64{p.Evidence}
	}
	for name, text := range drawings(e) {
		wellFormed(t, name, text)
		if strings.Contains(text, "stable<") || strings.Contains(text, "stable group") || strings.Contains(text, "goes back") || strings.Contains(text, "tone1") && name == "wealth" {
			t.Errorf("%s of a first release: %s", name, text)
		}
	}
	if got := WealthInWords(e); got != "Evidence that the candidate is worse than is tolerated is 500 to 1; it is held at 100 to 1." {
		t.Error(got)
	}
	if got := LatencyInWords(e); got != "p50 is 20 ms. p99 is 200 ms." {
		t.Error(got)
	}
}

func TestWords(t *testing.T) {
	e := evidence(10)
	if got := RatioInWords(e); got != "Nothing is known yet; 1.2 times are tolerated, at most 1.5 times are needed to promote it." {
		t.Error(got)
	}
	e.RatioLow, e.RatioHigh = 1.31, 30
	if got := RatioInWords(e); !strings.HasPrefix(got, "The candidate fails between 1.3 and 30 times as often as the stable group;") {
		t.Error(got)
	}
	if got := WealthInWords(e); got != "Evidence that the candidate is worse than is tolerated is 500 to 1; it goes back at 100 to 1. Most of it is of errors." {
		t.Error(got)
	}
	if got := LatencyInWords(e); got != "p50 is 20 ms, of the stable group 20 ms. p99 is 200 ms, of the stable group 90 ms." {
		t.Error(got)
	}
	for want, b := range map[string]api.Band{
		"–": {}, "20 ms (19 ms to 22 ms)": {LowMS: 19, MS: 20, HighMS: 22}, "0.4 ms (0.3 ms or more)": {LowMS: .3, MS: .4}, "2.5 s (3 s or less)": {MS: 2500, HighMS: 3000},
	} {
		if got := Milliseconds(b); got != want {
			t.Errorf("%+v: %s, want %s", b, got, want)
		}
	}
}

// Who fails always, or 190 times as often, is told so as people write it.
func TestDigits(t *testing.T) {
	for want, x := range map[string]float64{"0": 0, "0.024": .0239, "0.2": .2, "1.3": 1.31, "10": 9.96, "100": 100, "187": 187.4, "1000": 1000} {
		if got := Digits(x); got != want {
			t.Errorf("%g: %s, want %s", x, got, want)
		}
	}
	if got := Rate(api.EvidenceCount{Failed: 40, All: 40}); got != "100 %" {
		t.Error(got)
	}
}

// A plot whose band is everywhere says that nothing is known.
func TestNothingKnownIsSaid(t *testing.T) {
	e := evidence(10)
	e.PromoteMargin = .0025
	const unknown = "too few errors yet"
	if got := Ratio(e); strings.Contains(got, unknown) || !strings.Contains(got, "to promote 1.5× + 0.25 pp") {
		t.Error(got)
	}
	for n := range e.History {
		e.History[n].RatioLow, e.History[n].RatioHigh = 0, 0
	}
	if got := Ratio(e); !strings.Contains(got, unknown) {
		t.Error(got)
	}
}

func TestLinesBreakBetweenWords(t *testing.T) {
	if got := strings.Join(wrapped("errors 99 % of all", 9), "|"); got != "errors|99\u00a0% of|all" {
		t.Errorf("%q", got)
	}
	if got := Glued("17 ms against 12 ms (7.6 s), + 0.25 pp in 3 minutes"); got != "17\u00a0ms against 12\u00a0ms (7.6\u00a0s), + 0.25\u00a0pp in 3 minutes" {
		t.Errorf("%q", got)
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		want      string
	}{
		{.4, 8, "0.5 1 2 5"}, {.01, 1000, "0.01 0.1 1 10 100 1000"}, {1, 2, "1 1.5 2"}, {.1, 300, "0.1 0.3 1 3 10 30 100 300"}, {.1, 1e4, "0.1 1 10 100 1000 10000"},
	} {
		var got []string
		for _, x := range (scale{math.Log10(c.low), math.Log10(c.high), bottom, top}).ticks(18) {
			got = append(got, number(x))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("from %g to %g: %s, want %s", c.low, c.high, got, c.want)
		}
	}
}

func wellFormed(t *testing.T, name, text string) {
	t.Helper()
	for in := xml.NewDecoder(strings.NewReader(text)); ; {
		if _, err := in.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%s is no XML: %v\n%s", name, err, text)
		}
	}
}
