package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// weighted reports whether a schedule splits traffic by weights: then its stages
// are told by those.
func weighted(stages []api.Stage) bool {
	for _, s := range stages {
		if s.Weighted {
			return true
		}
	}
	return false
}

// circled are the numbers of stages, as far as there are signs for them.
func circled(n int) string {
	if n >= 1 && n <= 20 {
		return string(rune('①' + n - 1))
	}
	return fmt.Sprintf("(%d)", n)
}

// scheduleOf is a schedule in one line: ① tests ─ ② 1 % ─ ③ 10 % ─ ④ 100 %.
func scheduleOf(stages []api.Stage) string {
	var parts []string
	for i, s := range stages {
		parts = append(parts, circled(i+1)+" "+s.Title)
	}
	return strings.Join(parts, " ─ ")
}

// holding says how long the stage that d is in was held: 2 min 10 s of 5 min.
func holding(d api.Deployment, now time.Time) string {
	if d.Ended || d.At >= len(d.Stages) || d.HeldSince == nil || d.Stages[d.At].HoldMS == 0 || d.Phase != string(slipway.Progressing) {
		return ""
	}
	gone, hold := now.Sub(*d.HeldSince), d.Stages[d.At].HoldMS
	if gone > time.Duration(hold)*time.Millisecond { // it waits for something else
		return took(gone) + ", at least " + lasting(hold)
	}
	return took(gone) + " of " + lasting(hold)
}

// lasting is a time that was set, without needless zeros: 5 min, 1 h, 90 s.
func lasting(ms int64) string {
	switch d := time.Duration(ms) * time.Millisecond; {
	case d%time.Hour == 0 && d > 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d%time.Minute == 0 && d > 0:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d%time.Second == 0 && d > 0:
		return fmt.Sprintf("%d s", d/time.Second)
	default:
		return took(d)
	}
}

// gateMark is the sign of what a gate says.
func (s *screen) gateMark(state string) string {
	switch state {
	case "pass":
		return s.paint(green, "✓")
	case "fail":
		return s.paint(red, "✗")
	}
	return s.paint(amber, "⠼")
}

// waits lists what the gates say that do not pass.
func (s *screen) waits(d api.Deployment) []string {
	var lines []string
	for _, g := range d.Gates {
		if g.State != "pass" && !bySelf(d, g.Gate) {
			lines = append(lines, fmt.Sprintf("    %s %s  %s", s.gateMark(g.State), g.Gate, one(g.Why)))
		}
	}
	return lines
}

// testing shows the tests before traffic while they go on: where they are and
// the last lines of their log.
func (s *screen) testing(d api.Deployment) []string {
	t := d.Tests
	if t == nil || d.Ended || t.State != "waiting" && t.State != "running" {
		return nil
	}
	lines := []string{fmt.Sprintf("    %s %s  %s on queue %s", s.paint(amber, "⠼"), t.State, one(t.Command), t.Queue)}
	tail := t.LogTail
	for _, line := range tail[max(0, len(tail)-shownTail):] {
		lines = append(lines, "      "+s.paint(dim, plain(line)))
	}
	return lines
}

// shownTail is how many lines of the tests' log are shown while they run.
const shownTail = 4
