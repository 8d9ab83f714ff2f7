package cli

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// build draws a build as lines: what it is of, its address, its steps.
func (s *screen) build(b api.Build, now time.Time) []string {
	lines := []string{
		fmt.Sprintf("build %s of %s  ·  %s %q by %s", s.paint(bold, fmt.Sprint(b.Number)), s.paint(bold, b.Repository),
			short(b.Commit), one(b.Subject), one(b.Author)),
		"  " + s.paint(dim, b.URL),
	}
	title, queue := 16, 10
	for _, j := range b.Jobs {
		title, queue = max(title, wide(one(j.Label))), max(queue, wide(j.Queue))
	}
	for i, j := range b.Jobs {
		switch {
		case j.Kind == "wait" || j.State == "skipped" && j.Kind == "block":
		case j.Kind == "block":
			lines = append(lines, s.block(b, j, title+queue+2))
		default:
			line := fmt.Sprintf("%s %s  %s  %s", s.jobMark(j.State), pad(one(j.Label), title), s.paint(dim, pad(j.Queue, queue)), s.jobNews(j, now))
			if published(b, i) {
				line += s.released(b)
			}
			lines = append(lines, trimRight(line))
		}
	}
	if failed := slices.IndexFunc(b.Jobs, func(j api.Job) bool { return j.State == "failed" || j.State == "timed_out" }); failed >= 0 && b.FinishedAt != nil {
		lines = append(lines, "  next  slipway build "+slugOf(b)+" --log "+stepName(b.Jobs[failed]))
	}
	for i, why := range strings.Split(strings.TrimSpace(b.Why), "\n") {
		if mark := "✗ "; why != "" {
			if i > 0 {
				mark = "  "
			}
			lines = append(lines, s.paint(red, mark+one(why)))
		}
	}
	return lines
}

// stepName is what a person types to mean a step: its label, unless that is
// something else to a shell.
func stepName(j api.Job) string {
	if typeable.MatchString(j.Label) {
		return `"` + j.Label + `"`
	}
	return j.ID
}

var typeable = regexp.MustCompile(`^[\pL\pN][\pL\pN ,.:/_-]*$`)

// pending ends a line that is not final.
const pending = "…"

func (s *screen) jobNews(j api.Job, now time.Time) string {
	switch j.State {
	case "passed", "failed", "timed_out", "canceled":
		news := span(j.StartedAt, j.FinishedAt, now)
		if why := exitOf(j); why != "" {
			news += "   " + s.paint(red, why)
		}
		return news
	case "running":
		return span(j.StartedAt, nil, now) + " " + pending
	case "ready", "assigned":
		return s.paint(dim, "for an agent of queue "+j.Queue+" "+pending)
	case "waiting":
		return s.paint(dim, pending)
	}
	return s.paint(dim, one(j.Why))
}

func exitOf(j api.Job) string {
	switch {
	case j.State == "passed":
		return ""
	case j.Why != "":
		return one(j.Why)
	case j.Signal != "":
		return j.Signal
	case j.ExitStatus != nil:
		return fmt.Sprintf("exit %d", *j.ExitStatus)
	}
	return j.State
}

func (s *screen) block(b api.Build, j api.Job, width int) string {
	switch {
	case j.State == "blocked":
		line := fmt.Sprintf("%s %s  waiting for someone to unblock: slipway unblock %s", s.paint(amber, "■"), pad("blocked", width), slugOf(b))
		if j.Prompt != "" {
			line += "\n    " + one(j.Prompt)
		}
		return line
	case j.Unblocked != nil:
		return fmt.Sprintf("%s %s  by %s", s.paint(green, "▸"), pad("unblocked", width), who(*j.Unblocked))
	}
	return trimRight(fmt.Sprintf("  %s  %s", pad("block", width), s.jobNews(j, time.Time{})))
}

// published reports whether job i is the one to show the releases at: the
// last that passed before the newest of them was there.
func published(b api.Build, i int) bool {
	if len(b.Releases) == 0 || b.Jobs[i].FinishedAt == nil || b.Jobs[i].StartedAt == nil {
		return false
	}
	made := b.Releases[0].CreatedAt
	return !b.Jobs[i].StartedAt.After(made) && !b.Jobs[i].FinishedAt.Before(made)
}

func (s *screen) released(b api.Build) string {
	var all strings.Builder
	for _, r := range b.Releases {
		fmt.Fprintf(&all, "   %s  %s", s.paint(bold, nameOf(r)), slipway.Digest(r.Image).Short())
	}
	return all.String()
}

func (s *screen) jobMark(state string) string {
	switch state {
	case "passed":
		return s.paint(green, "✓")
	case "failed", "timed_out":
		return s.paint(red, "✗")
	case "canceled":
		return s.paint(red, "○")
	case "running":
		return s.paint(amber, "⠼")
	case "skipped", "broken":
		return s.paint(dim, "–")
	}
	return " "
}

func (s *screen) buildState(state string) string {
	switch state {
	case "passed":
		return s.paint(green, "✓ passed")
	case "failed":
		return s.paint(red, "✗ failed")
	case "blocked":
		return s.paint(amber, "■ blocked")
	case "running":
		return s.paint(amber, "⠼ running")
	}
	return s.paint(dim, "○ "+state)
}
