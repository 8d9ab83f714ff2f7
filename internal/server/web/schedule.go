package web

import (
	"fmt"
	"time"

	"github.com/slipway-cd/slipway/api"
)

// circled is the number of stage i, counted from 1, as far as there are signs.
func circled(i int) string {
	if i >= 0 && i < 20 {
		return string(rune('①' + i))
	}
	return fmt.Sprintf("(%d)", i+1)
}

// lasting is a time that was set: 5 min, 1 h, 90 s.
func lasting(ms int64) string {
	switch d := time.Duration(ms) * time.Millisecond; {
	case d < time.Second:
		return fmt.Sprintf("%d ms", ms)
	case d%time.Hour == 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%d min", d/time.Minute)
	default:
		return fmt.Sprintf("%d s", d/time.Second)
	}
}

// held says how long the stage that a deployment is in was held: 2 min 10 s of
// 5 min.
func held(d api.Deployment) string {
	if d.Ended || d.Phase != "progressing" || d.At >= len(d.Stages) || d.HeldSince == nil || d.Stages[d.At].HoldMS == 0 {
		return ""
	}
	gone := max(0, time.Since(*d.HeldSince)).Truncate(time.Second)
	text := fmt.Sprintf("%d s", int(gone.Seconds()))
	if gone >= time.Minute {
		text = fmt.Sprintf("%d min %d s", int(gone.Minutes()), int(gone.Seconds())%60)
	}
	if hold := d.Stages[d.At].HoldMS; gone.Milliseconds() > hold { // it waits for something else
		return text + ", at least " + lasting(hold)
	}
	return text + " of " + lasting(d.Stages[d.At].HoldMS)
}

// stage is what the stage that a deployment is in is called, where that says
// more than its number.
func stage(d api.Deployment) string {
	if d.At >= len(d.Stages) || !d.Stages[d.At].Weighted {
		return ""
	}
	return d.Stages[d.At].Title
}

// ended reports whether a deployment went no further than stage i, of which it
// had begun.
func ended(d api.Deployment, i int) bool {
	switch d.Phase {
	case "failed", "rolled_back", "stuck":
		return d.StartedAt != nil && i == d.At
	}
	return false
}

// waiting is what the first gate says that does not pass.
func waiting(d api.Deployment) string {
	for _, g := range d.Gates {
		if g.State != "pass" {
			return g.Why
		}
	}
	return ""
}
