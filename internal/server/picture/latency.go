package picture

import (
	"fmt"
	"math"
	"strings"

	"github.com/slipway-cd/slipway/api"
)

// Latency draws the quantiles of both groups, with what they lie between. It is ""
// where nothing is known.
func Latency(e api.Evidence) string {
	if len(e.Quantiles) == 0 {
		return ""
	}
	s := durations(e.Quantiles)
	c := &canvas{}
	c.open("latency", bottom+46, "Latency"+among(e, ": candidate and stable"), LatencyInWords(e))
	for _, n := range s.ticks(48) {
		c.line("grid", s.at(n), top-16, s.at(n), bottom)
		if s.at(n) < right-20 {
			c.text("tick middle", s.at(n), bottom+17, inMS(n))
		} else {
			c.text("tick end", right, bottom+17, inMS(n))
		}
	}
	c.line("axis", left, bottom, right, bottom)
	row := (bottom - top + 16) / float64(len(e.Quantiles))
	for n, q := range e.Quantiles {
		y := top - 16 + row*(float64(n)+.5)
		c.text("tick end", left-6, y+4, q.Name)
		if e.First {
			bar(c, "candidate", s, q.Canary, y)
			continue
		}
		bar(c, "stable", s, q.Baseline, y-row*.16)
		bar(c, "candidate", s, q.Canary, y+row*.16)
	}
	x := left
	if !e.First {
		c.add(`<circle class="stable" cx="%.1f" cy="%.1f" r="4"/>`, x+4, bottom+33)
		c.text("tick", x+13, bottom+37, "stable")
		x += 70
	}
	c.add(`<circle class="candidate" cx="%.1f" cy="%.1f" r="4"/>`, x+4, bottom+33)
	c.text("tick", x+13, bottom+37, among(e, "candidate, ")+"with 95 % confidence")
	return c.close()
}

// among is what tells the candidate from the stable group, where there was one.
func among(e api.Evidence, words string) string {
	if e.First {
		return ""
	}
	return words
}

// LatencyInWords says what [Latency] shows.
func LatencyInWords(e api.Evidence) string {
	var words []string
	for _, q := range e.Quantiles {
		switch {
		case q.Name != "p50" && q.Name != "p99":
		case e.First:
			words = append(words, fmt.Sprintf("%s is %s.", q.Name, inMS(q.Canary.MS)))
		default:
			words = append(words, fmt.Sprintf("%s is %s, of the stable group %s.", q.Name, inMS(q.Canary.MS), inMS(q.Baseline.MS)))
		}
	}
	return strings.Join(words, " ")
}

// bar is a band with its quantile; what is not known ends with the drawing, and
// fades.
func bar(c *canvas, class string, s scale, b api.Band, y float64) {
	if b.MS <= 0 {
		return
	}
	from, to, open := left, right, ""
	if b.LowMS > 0 {
		from = s.at(b.LowMS)
	} else {
		open = " open"
	}
	if b.HighMS > 0 {
		to = s.at(b.HighMS)
	} else {
		open = " open"
	}
	c.line("range "+class+open, from, y, to, y)
	c.add(`<circle class="%s" cx="%.1f" cy="%.1f" r="4"/>`, class, s.at(b.MS), y)
}

func durations(all []api.Quantile) scale {
	low, high := math.Inf(1), 0.0
	for _, q := range all {
		for _, b := range []api.Band{q.Canary, q.Baseline} {
			for _, ms := range []float64{b.LowMS, b.MS, b.HighMS} {
				if ms > 0 {
					low, high = min(low, ms), max(high, ms)
				}
			}
		}
	}
	if math.IsInf(low, 1) {
		low, high = 1, 10
	}
	s := scale{math.Log10(low) - .05, math.Log10(high) + .05, left, right}
	if s.high-s.low < .5 {
		middle := (s.low + s.high) / 2
		s.low, s.high = middle-.25, middle+.25
	}
	return s
}

// inMS is a latency with two digits that count.
func inMS(ms float64) string {
	switch {
	case ms <= 0:
		return "not known"
	case ms < .1:
		return fmt.Sprintf("%.0f µs", 1000*ms)
	case ms < 10:
		return Digits(ms) + " ms"
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return Digits(ms/1000) + " s"
}

// Milliseconds is a band in words: 20 ms (19 to 22 ms).
func Milliseconds(b api.Band) string {
	switch {
	case b.MS <= 0:
		return "–"
	case b.LowMS > 0 && b.HighMS > 0:
		return fmt.Sprintf("%s (%s to %s)", inMS(b.MS), inMS(b.LowMS), inMS(b.HighMS))
	case b.LowMS > 0:
		return fmt.Sprintf("%s (%s or more)", inMS(b.MS), inMS(b.LowMS))
	case b.HighMS > 0:
		return fmt.Sprintf("%s (%s or less)", inMS(b.MS), inMS(b.HighMS))
	}
	return inMS(b.MS)
}
