package picture

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-cd/slipway/api"
)

// timeline places moments between the left and the right.
type timeline struct {
	from time.Time
	span time.Duration
}

// newTimeline begins with the candidate's first request.
func newTimeline(e api.Evidence) timeline {
	last := e.History[len(e.History)-1].At
	span := max(time.Duration(e.LastedMS)*time.Millisecond, last.Sub(e.History[0].At), leastSpan)
	return timeline{last.Add(-span), span}
}

// story is the history from the candidate's first request on, when nothing was
// known.
func story(e api.Evidence, t timeline) []api.EvidencePoint {
	first := e.History[0]
	if !first.At.After(t.from) {
		return e.History
	}
	begin := api.EvidencePoint{At: t.from, Stage: first.Stage, Weight: first.Weight}
	for _, m := range e.Metrics {
		begin.Metrics = append(begin.Metrics, math.Log10(m.Weight))
	}
	return append([]api.EvidencePoint{begin}, e.History...)
}

const leastSpan = 500 * time.Millisecond

func (t timeline) x(at time.Time) float64 {
	return left + (right-left)*float64(at.Sub(t.from))/float64(t.span)
}

// steps of a timeline that people count in.
var steps = []time.Duration{
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 48 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour,
}

const mostTicks = 6

func (t timeline) draw(c *canvas) {
	step := steps[len(steps)-1]
	for _, s := range steps {
		if t.span/s < mostTicks {
			step = s
			break
		}
	}
	c.line("axis", left, bottom, right, bottom)
	for at := time.Duration(0); at <= t.span; at += step {
		x := t.x(t.from.Add(at))
		c.line("axis", x, bottom, x, bottom+4)
		if class := "tick middle"; x < right-14 || at == 0 {
			c.text(class, x, bottom+17, span(at))
		}
	}
}

// span is a duration as people read it: 10 s, 5 min, 2 h.
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%g s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%g min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%g h", d.Hours())
	}
	return fmt.Sprintf("%g d", d.Hours()/24)
}

// scale places the logarithms of numbers between two ends.
type scale struct {
	low, high float64 // decimal logarithms
	from, to  float64 // where they are
}

// at is where a number is, at an end when it is beyond.
func (s scale) at(x float64) float64 { return s.log(math.Log10(x)) }

func (s scale) log(l float64) float64 {
	l = min(max(l, s.low), s.high)
	return s.from + (s.to-s.from)*(l-s.low)/(s.high-s.low)
}

// ticks are the numbers that are shown, apart from each other: powers of ten, and
// what is between them where there is room.
func (s scale) ticks(apart float64) []float64 {
	var all []float64
	for _, factors := range [][]float64{{1}, {1, 3}, {1, 2, 5}, {1, 1.5, 2, 3, 5, 7}} {
		var some []float64
		for n := math.Floor(s.low); n <= s.high; n++ {
			for _, f := range factors {
				x := f * math.Pow(10, n)
				if l := math.Log10(x); l < s.low-1e-9 || l > s.high+1e-9 {
					continue
				}
				if len(some) > 0 && math.Abs(s.at(x)-s.at(some[len(some)-1])) < apart {
					if len(factors) > 1 {
						return all // too close
					}
					continue
				}
				some = append(some, x)
			}
		}
		all = some
	}
	return all
}

// number is short: 0.05, 1.2, 30, 10000.
func number(x float64) string { return strconv.FormatFloat(x, 'g', 5, 64) }

// Digits writes a number with two digits that count, and never as a power of ten:
// 0.024, 1.3, 187.
func Digits(x float64) string {
	if x == 0 || math.Abs(x) >= 9.95 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	text := strconv.FormatFloat(x, 'f', max(1-int(math.Floor(math.Log10(math.Abs(x)))), 1), 64)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// shade marks the stages, by turns, with the weight that each has.
func shade(c *canvas, points []api.EvidencePoint, t timeline) {
	for at := 0; at < len(points); {
		next := at + 1
		for next < len(points) && (points[next].Stage < points[at].Stage || points[next].Stage == points[at].Stage && points[next].Weight == points[at].Weight) {
			next++ // what is counted late is of an earlier one
		}
		from, to := t.x(points[at].At), right
		if next < len(points) {
			to = t.x(points[next].At)
		}
		class := "stage"
		if points[at].Stage%2 == 1 {
			class = "stage odd"
		}
		c.box(class, from, top, to-from, bottom-top)
		if to-from > 34 {
			c.text("tick", from+4, top-6, strconv.FormatFloat(float64(points[at].Weight)/100, 'f', -1, 64)+" %")
		}
		at = next
	}
}
