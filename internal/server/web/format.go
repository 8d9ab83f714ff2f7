package web

import (
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/ansi"
)

var funcs = template.FuncMap{
	"asset":      assetURL,
	"ago":        ago,
	"at":         func(t time.Time) *time.Time { return &t },
	"took":       took,
	"short":      short,
	"digest":     func(d string) string { return slipway.Digest(d).Short() },
	"shape":      shape,
	"word":       word,
	"moved":      moved,
	"person":     person,
	"plain":      ansi.Plain,
	"percent":    percent,
	"logtext":    func(lines []string) template.HTML { return logHTML(strings.Join(lines, "\n")) },
	"newest":     newest,
	"inc":        func(i int) int { return i + 1 },
	"bar":        bar,
	"duration":   duration,
	"until":      func(t time.Time) string { return duration(time.Until(t)) },
	"gate":       gate,
	"awaits":     awaitsApproval,
	"circled":    circled,
	"lasting":    lasting,
	"busy":       func(processors float64) string { return fmt.Sprintf("%.0f %%", 100*processors) },
	"megabytes":  megabytes,
	"complaints": complaints,
	"held":       held,
	"stage":      stage,
	"waiting":    waiting,
	"brief":      slipway.Brief,
	"ended":      ended,
	"left":       func(t time.Time) string { return duration(time.Until(t)) },
}

// ago is a moment as people read it; the script keeps it true.
func ago(t *time.Time) template.HTML {
	if t == nil {
		return ""
	}
	at := t.UTC()
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`, //nolint:gosec // times only
		at.Format(time.RFC3339), at.Format("2006-01-02 15:04:05 MST"), duration(time.Since(at))))
}

// duration is the largest unit that fits: 40 s, 4 min, 2 h, 3 d.
func duration(d time.Duration) string {
	switch {
	case d < time.Minute:
		return strconv.Itoa(max(0, int(d/time.Second))) + " s"
	case d < time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + " min"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d/time.Hour)) + " h"
	}
	return strconv.Itoa(int(d/(24*time.Hour))) + " d"
}

// took is how long something ran.
func took(from, to *time.Time) string {
	if from == nil {
		return ""
	}
	end := time.Now()
	if to != nil {
		end = *to
	}
	if d := end.Sub(*from); d < time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	} else {
		return duration(d)
	}
}

func megabytes(n int64) string {
	if n < 10_000_000 {
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.0f MB", float64(n)/1e6)
}

// complaints are the errors and warnings that an instance has printed.
func complaints(p api.Printed) string {
	plural := func(n uint64, what string) string {
		if n != 1 {
			what += "s"
		}
		return fmt.Sprintf("%d %s", n, what)
	}
	return plural(p.Errors, "error") + ", " + plural(p.Warnings, "warning")
}

func short(commit string) string { return commit[:min(7, len(commit))] }

func percent(basisPoints int) string {
	return strconv.FormatFloat(float64(basisPoints)/100, 'f', -1, 64) + " %"
}

func person(a api.Actor) string {
	if a.For != "" {
		return a.For
	}
	return a.Name
}

// shape is the sign that goes with a state, so that colour is never the only one.
func shape(state string) string {
	switch state {
	case "passed", "succeeded":
		return "✓"
	case "failed", "timed_out", "stuck", "down":
		return "✗"
	case "rolled_back":
		return "↩"
	case "running", "progressing", "rolling_back", "assigned", "degraded", "starting", "unready", "backoff", "stopping":
		return "◐"
	case "blocked":
		return "■"
	case "healthy", "ready":
		return "●"
	case "canceled", "cancelled", "skipped", "broken", "superseded":
		return "–"
	}
	return "○"
}

// gate is what a gate says, with its sign.
func gate(state string) string {
	switch state {
	case "pass":
		return "✓ passes"
	case "fail":
		return "✗ says no"
	case "wait":
		return "■ waits"
	}
	return "○ " + word(state)
}

// word is a state as people say it.
func word(state string) string {
	if state == "failed" || state == "succeeded" {
		return state
	}
	return strings.ReplaceAll(state, "_", " ")
}

// moved says how a deployment ended, as people say it.
func moved(d api.Deployment) string {
	switch d.Phase {
	case "failed":
		return "refused"
	case "rolled_back":
		return "rolled back"
	}
	return word(d.Phase)
}

// newest turns a list of decisions so that the newest is first.
func newest(why []api.Why) []api.Why {
	out := make([]api.Why, 0, len(why))
	for _, w := range slices.Backward(why) {
		out = append(out, w)
	}
	return out
}

// bar is the traffic's split as a picture: old on the left, new on the right.
func bar(d api.Deployment) template.HTML {
	const width = 400
	split := width - d.Weight*width/10000
	return template.HTML(fmt.Sprintf( //nolint:gosec // numbers only
		`<svg class="traffic" viewBox="0 0 %d 12" preserveAspectRatio="none" role="img" aria-label="%s of the traffic goes to the new release">`+
			`<rect class="old" width="%d" height="12"/><rect class="new" x="%d" width="%d" height="12"/></svg>`,
		width, percent(d.Weight), split, split, width-split))
}
