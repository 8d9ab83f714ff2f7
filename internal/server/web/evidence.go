package web

import (
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/server/picture"
)

// evidenceFuncs are what the templates of evidence say it with.
var evidenceFuncs = template.FuncMap{
	"ratio":        drawn(picture.Ratio),
	"wealth":       drawn(picture.Wealth),
	"latency":      drawn(picture.Latency),
	"metric":       picture.InWords,
	"glued":        picture.Glued,
	"band":         picture.Milliseconds,
	"toone":        picture.ToOne,
	"atlimit":      func(e *api.Evidence) string { return picture.AtLimit(*e) },
	"tolerated":    func(x float64) string { return strconv.FormatFloat(100*x, 'g', 4, 64) + " %" },
	"verdictsign":  verdictSign,
	"verdictclass": verdictClass,
	"thinned":      thinned,
	"sinceof":      func(first, p api.EvidencePoint) string { return seconds(p.At.Sub(first.At)) },
	"times":        times,
	"part":         func(x float64) string { return strconv.FormatFloat(100*x, 'f', 0, 64) + " %" },
	"pp":           func(x float64) string { return strconv.FormatFloat(100*x, 'g', 3, 64) + " pp" },
	"rate":         rate,
	"placebo":      placebo,
	"untold":       func(why, lacks string) bool { return lacks != "" && !strings.Contains(why, lacks) },
	"said":         said,
}

// drawn is a picture in a page: made of numbers, and of words that are escaped.
func drawn(draw func(api.Evidence) string) func(*api.Evidence) template.HTML {
	return func(e *api.Evidence) template.HTML { return template.HTML(draw(*e)) } //nolint:gosec // see picture
}

// verdictSign is a verdict's shape and name.
func verdictSign(e *api.Evidence) string {
	switch e.Verdict {
	case "promote":
		return "✓ good"
	case "continue":
		return "● good so far"
	case "rollback", "worse":
		return "✗ worse"
	case "replace_instance":
		return "◐ a bad instance"
	}
	if e.First && e.CanaryRequests > 0 { // nothing that good could be told by
		return "○ no alarm"
	}
	return "○ not decided"
}

// said is what the evidence says of a deployment; when that has ended, without what
// could be done.
func said(ended bool, e *api.Evidence) string {
	if ended && (e.Verdict == "inconclusive" || e.Verdict == "continue") {
		return slipway.Brief(e.Why)
	}
	return e.Why
}

func verdictClass(verdict string) string {
	switch verdict {
	case "promote", "continue":
		return "healthy"
	case "rollback", "worse":
		return "failed"
	}
	return "degraded"
}

const tableRows = 20

// thinned are as many points as a person reads; the last is one of them.
func thinned(points []api.EvidencePoint) []api.EvidencePoint {
	every := (len(points) + tableRows - 1) / tableRows
	var some []api.EvidencePoint
	for n, p := range points {
		if (len(points)-1-n)%every == 0 {
			some = append(some, p)
		}
	}
	return some
}

// times is a ratio, as far as it is known.
func times(ratio float64) string {
	if ratio <= 0 {
		return "–"
	}
	return picture.Digits(ratio) + "×"
}

func seconds(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
}

// rate is how many of how many: 0.52 % (23 of 4400).
func rate(c api.EvidenceCount) string {
	if c.All == 0 {
		return "–"
	}
	return fmt.Sprintf("%s (%.0f of %.0f)", picture.Rate(c), c.Failed, c.All)
}

// expected is the part of trials in which a placebo may be taken for worse.
var expected = slipway.DefaultEvidence.Rollback.Error

// placebo says how often a judge has cried wolf: 1 alarm in 212 trials (0.47 %, at
// most 1 % expected).
func placebo(p api.Placebo) string {
	if p.Trials == 0 {
		return "no trial has ended yet"
	}
	alarms := strconv.Itoa(p.Alarms) + " alarms"
	if p.Alarms == 1 {
		alarms = "1 alarm"
	}
	trials := strconv.Itoa(p.Trials) + " trials"
	if p.Trials == 1 {
		trials = "1 trial"
	}
	return fmt.Sprintf("%s in %s (%s\u00a0%%, at most %g\u00a0%% expected)", alarms, trials, picture.Digits(100*float64(p.Alarms)/float64(p.Trials)), 100*expected)
}

// evidencePicture is the evidence of a deployment as a file, for those who may see
// its page.
func (s *site) evidencePicture(w http.ResponseWriter, r *http.Request) {
	_, err := s.Sessions.Person(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	id, err := number(r, "id")
	if err != nil {
		s.fail(w, r, err)
		return
	}
	d, err := s.View.Deployment(r.Context(), id)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'") // its own style
	_, _ = w.Write(picture.Whole(d))
}

// plotCSS is the style of pictures, which comes with them.
const plotCSS = "plot.css"

// plotStyle serves the style of pictures.
func plotStyle(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write([]byte(picture.Style()))
}
