package picture

import (
	"fmt"
	"math"
	"slices"

	"github.com/slipway-cd/slipway/api"
)

// floor is the logarithm that evidence is drawn from: a tenth to 1 says that
// nothing speaks against a candidate.
const floor = -1.0

// tones are the ways in which an area can be told from its neighbours.
const tones = 6

// Wealth draws the evidence against the candidate, by metric, up to where it goes
// back. It is "" where there is none.
func Wealth(e api.Evidence) string {
	if len(e.History) == 0 {
		return ""
	}
	words := WealthInWords(e)
	t, s := newTimeline(e), odds(e)
	points, speak := story(e, t), speaking(e)
	c := &canvas{}
	c.open("wealth", bottom+28+18*math.Ceil(float64(len(speak))/3), "Evidence that the candidate is worse, to 1, by metric", words)
	shade(c, points, t)
	for _, n := range s.ticks(20) {
		c.line("grid", left, s.at(n), right, s.at(n))
		c.text("tick end", left-6, s.at(n)+4, number(n))
	}
	below := make([]float64, len(points))
	for tone, m := range speak {
		c.add(`<path class="metric tone%d" d="%s"/>`, tone%tones, layer(points, m, below, t, s))
	}
	limit(c, "limit", s.at(e.Limit), -5, fmt.Sprintf("%s at %s to 1", AtLimit(e), number(e.Limit)))
	t.draw(c)
	for tone, m := range speak {
		x, y := left+float64(tone%3)*106, bottom+28+18*float64(tone/3)
		c.add(`<rect class="metric tone%d" x="%.1f" y="%.1f" width="10" height="10"/>`, tone%tones, x, y)
		c.text("tick", x+15, y+9, cut(InWords(e.Metrics[m].Name), 15))
	}
	return c.close()
}

// WealthInWords says what [Wealth] shows at its end.
func WealthInWords(e api.Evidence) string {
	words := fmt.Sprintf("Evidence that the candidate is worse than is tolerated is %s to 1; it %s at %s to 1.", ToOne(e.Evidence), AtLimit(e), number(e.Limit))
	if e.First {
		return words
	}
	most, top := 0.0, ""
	for _, m := range e.Metrics {
		if m.Weight*m.E > most {
			most, top = m.Weight*m.E, InWords(m.Name)
		}
	}
	if top != "" && e.Evidence > 1 {
		words += " Most of it is of " + top + "."
	}
	return words
}

// AtLimit is what becomes of a candidate when the evidence reaches its limit.
func AtLimit(e api.Evidence) string {
	if e.First {
		return "is held"
	}
	return "goes back"
}

// ToOne is evidence as people say it.
func ToOne(e float64) string {
	switch {
	case e >= 1e6:
		return "more than 1000000"
	case e >= 10:
		return fmt.Sprintf("%.0f", e)
	}
	return Digits(e)
}

// InWords is what a metric is called.
func InWords(metric string) string {
	switch metric {
	case "refusals":
		return "answers 4xx"
	case "guard":
		return "SLO guard"
	case "logs":
		return "errors logged"
	case "exceptions":
		return "new errors"
	}
	return metric
}

// speaking are the metrics that ever had a part in the evidence that can be seen,
// by their places.
func speaking(e api.Evidence) []int {
	var all []int
	for m := range e.Metrics {
		if slices.ContainsFunc(e.History, func(p api.EvidencePoint) bool { return part(p, m) >= .02 }) {
			all = append(all, m)
		}
	}
	return all
}

// part is that of a metric in the evidence at a point.
func part(p api.EvidencePoint, metric int) float64 {
	if metric >= len(p.Metrics) {
		return 0
	}
	return math.Pow(10, min(p.Metrics[metric]-p.Evidence, 0))
}

func odds(e api.Evidence) scale {
	high := math.Log10(e.Limit) + .35
	for _, p := range e.History {
		high = max(high, min(p.Evidence+.2, 2*math.Log10(e.Limit)))
	}
	return scale{floor, high, bottom, top}
}

// layer is the area of a metric on those below, whose tops it raises.
func layer(points []api.EvidencePoint, metric int, below []float64, t timeline, s scale) string {
	c := &canvas{}
	sign := "M"
	for n, p := range points {
		c.add("%s%.1f %.1f", sign, t.x(p.At), height(p, below[n], s))
		sign = "L"
	}
	for n := len(points) - 1; n >= 0; n-- {
		p := points[n]
		upto := below[n] + part(p, metric)
		c.add("L%.1f %.1f", t.x(p.At), height(p, upto, s))
		below[n] = upto
	}
	return c.String() + "Z"
}

// height is where so much of the evidence at a point ends.
func height(p api.EvidencePoint, part float64, s scale) float64 {
	return s.from + (s.log(p.Evidence)-s.from)*min(part, 1)
}

func cut(words string, n int) string {
	if r := []rune(words); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return words
}
