package cli

import (
	"fmt"
	"time"
)

// ago is how long something has been, in its largest unit: 12 s, 4 min, 2 h, 1 d.
func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", max(0, int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d d", int(d.Hours()/24))
}

// took is how long something took: 180 ms, 4.1 s, 2 min 10 s, 1 h 5 min.
func took(d time.Duration) string {
	switch d = max(d, 0); {
	case d < 950*time.Millisecond:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}

// span is how long something took from start to end, or until now when it has
// not ended; "" when it has not begun.
func span(start, end *time.Time, now time.Time) string {
	switch {
	case start == nil:
		return ""
	case end == nil:
		return took(now.Sub(*start))
	}
	return took(end.Sub(*start))
}

// clock is a time of day for lines that follow each other.
func clock(t time.Time) string { return t.Local().Format(time.TimeOnly) }
