package picture

import (
	"fmt"
	"math"
	"slices"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// Ratio draws by how many times the candidate fails more often than the stable
// group, at least and at most, as that became known. It is "" where nothing is, and
// where the stable group had no traffic beside it.
func Ratio(e api.Evidence) string {
	if !compared(e) {
		return ""
	}
	t, s := newTimeline(e), ratios(e)
	points := story(e, t)
	c := &canvas{}
	c.open("ratio", bottom+26, "Errors: candidate to stable, times", RatioInWords(e))
	shade(c, points, t)
	for _, n := range s.ticks(20) {
		c.line("grid", left, s.at(n), right, s.at(n))
		c.text("tick end", left-6, s.at(n)+4, number(n)+"×")
	}
	c.add(`<path class="band" d="%sZ"/>`, corridor(points, t, s))
	c.add(`<path class="edge" d="%s"/>`, edge(points, t, s, func(p api.EvidencePoint) float64 { return p.RatioLow }))
	c.add(`<path class="edge" d="%s"/>`, edge(points, t, s, func(p api.EvidencePoint) float64 { return p.RatioHigh }))
	limit(c, "limit", s.at(e.Tolerance), 13, fmt.Sprintf("tolerated %s×%s", number(e.Tolerance), more(e.Margin)))
	limit(c, "goal", s.at(e.PromoteRatio), -5, fmt.Sprintf("to promote %s×%s", number(e.PromoteRatio), more(e.PromoteMargin)))
	if !slices.ContainsFunc(points, known) {
		c.text("tick middle", (left+right)/2, top+34, "too few errors yet to tell anything")
	}
	t.draw(c)
	return c.close()
}

// known reports whether anything was by then.
func known(p api.EvidencePoint) bool { return p.RatioLow > 0 || p.RatioHigh > 0 }

// more is what is tolerated beyond a ratio.
func more(margin float64) string {
	if margin == 0 {
		return ""
	}
	return " + " + Digits(100*margin) + " pp"
}

// compared reports whether the stable group ever served beside the candidate.
func compared(e api.Evidence) bool {
	return slices.ContainsFunc(e.History, func(p api.EvidencePoint) bool { return p.Weight < int(slipway.All) })
}

// RatioInWords says what [Ratio] shows at its end.
func RatioInWords(e api.Evidence) string {
	at := "Nothing is known yet"
	switch {
	case e.RatioLow > 0 && e.RatioHigh > 0:
		at = fmt.Sprintf("The candidate fails between %s and %s times as often as the stable group", Digits(e.RatioLow), Digits(e.RatioHigh))
	case e.RatioLow > 0:
		at = fmt.Sprintf("The candidate fails at least %s times as often as the stable group", Digits(e.RatioLow))
	case e.RatioHigh > 0:
		at = fmt.Sprintf("The candidate fails at most %s times as often as the stable group", Digits(e.RatioHigh))
	}
	return at + fmt.Sprintf("; %s are tolerated, at most %s are needed to promote it.",
		number(e.Tolerance)+" times"+more(e.Margin), number(e.PromoteRatio)+" times"+more(e.PromoteMargin))
}

// limit is a line with its words, above or below, where least is known.
func limit(c *canvas, class string, y, off float64, words string) {
	c.line(class, left, y, right, y)
	c.text(class, left+5, y+off, words)
}

// ratios fits what is known, and what is tolerated.
func ratios(e api.Evidence) scale {
	low, high := .4, 8.0
	for _, p := range e.History {
		if p.RatioLow > 0 {
			low, high = min(low, p.RatioLow/1.5), max(high, p.RatioLow*3)
		}
		if p.RatioHigh > 0 {
			low, high = min(low, p.RatioHigh/1.5), max(high, min(p.RatioHigh*1.3, 200))
		}
	}
	low, high = max(low, .01), min(max(high, e.PromoteRatio*3), 1000)
	return scale{math.Log10(low), math.Log10(high), bottom, top}
}

// corridor is the area between both bounds; where one is not known it ends with
// the drawing.
func corridor(points []api.EvidencePoint, t timeline, s scale) string {
	c := &canvas{}
	sign := "M"
	for n, p := range points {
		y := s.to
		if p.RatioHigh > 0 {
			y = s.at(p.RatioHigh)
		}
		c.step(sign, n, t.x(p.At), y)
		sign = "L"
	}
	for n, p := range slices.Backward(points) {
		y := s.from
		if p.RatioLow > 0 {
			y = s.at(p.RatioLow)
		}
		x := t.x(p.At)
		c.add("L%.1f %.1f", x, y)
		if n > 0 { // until then, what was known before
			before := s.from
			if points[n-1].RatioLow > 0 {
				before = s.at(points[n-1].RatioLow)
			}
			c.add("L%.1f %.1f", x, before)
		}
	}
	return c.String()
}

// edge is one bound, from where it is known on.
func edge(points []api.EvidencePoint, t timeline, s scale, of func(api.EvidencePoint) float64) string {
	c := &canvas{}
	known := 0
	for _, p := range points {
		if of(p) <= 0 {
			known = 0
			continue
		}
		sign := "L"
		if known == 0 {
			sign = "M"
		}
		c.step(sign, known, t.x(p.At), s.at(of(p)))
		known++
	}
	return c.String()
}

// step goes to a place, first to its side and then up or down: a bound holds until
// the next.
func (c *canvas) step(sign string, n int, x, y float64) {
	if n > 0 {
		c.add("H%.1fV%.1f", x, y)
		return
	}
	c.add("%s%.1f %.1f", sign, x, y)
}
