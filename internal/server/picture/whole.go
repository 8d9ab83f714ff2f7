package picture

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/slipway-cd/slipway/api"
)

//go:embed plot.css
var style string

// Style is that of every drawing. It wants --ink, --quiet, --line, --paper,
// --raised, --accent, --good and --bad of the page.
func Style() string { return style }

// colours of a file of its own, light and dark.
const colours = `:root { --ink: #1b1f23; --quiet: #626b74; --line: #d9dee3; --paper: #fff; --raised: #f5f7f8; --accent: #0b6bcb; --good: #16794a; --bad: #c02d2d; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ec; --quiet: #97a1ab; --line: #30373e; --paper: #14181c; --raised: #1c2228; --accent: #6cb2ff; --good: #57c98b; --bad: #ff8080; } }
text { font-family: system-ui, sans-serif; font-variant-numeric: tabular-nums; }
.paper { fill: var(--paper); } .title { font-size: 17px; font-weight: 650; fill: var(--ink); } .words { font-size: 13px; fill: var(--ink); } .end { text-anchor: end; } .name { font-size: 12px; font-weight: 600; fill: var(--ink); }
`

const (
	margin   = 24
	columns  = 2*width + 3*margin
	perLine  = 112 // characters of the verdict
	lineHigh = 19
	tileHigh = 236
)

// Whole is a picture of all the evidence of a deployment, as a file.
func Whole(d api.Deployment) []byte {
	e := api.Evidence{}
	if d.Evidence != nil {
		e = *d.Evidence
	}
	words := wrapped(e.Why, perLine)
	if e.Why == "" {
		words = []string{"Nothing was counted yet."}
	}
	head := float64(margin + 30 + lineHigh*len(words))
	var tiles []string
	for _, t := range []struct{ name, drawing string }{
		{"Errors: candidate to stable, times", Ratio(e)}, {"Evidence that it is worse, to 1", Wealth(e)}, {"Latency", Latency(e)}, {"By metric", metrics(e)},
	} {
		if t.drawing != "" {
			tiles = append(tiles, tile(t.name, t.drawing, len(tiles), head))
		}
	}
	high := head + margin + 260*float64((len(tiles)+1)/2)
	title := fmt.Sprintf("%s in %s: @%d → @%d", d.Service, d.Environment, d.From, d.Release)
	if d.From == 0 {
		title = fmt.Sprintf("%s in %s: @%d", d.Service, d.Environment, d.Release)
	}
	c := &canvas{}
	c.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %.0f" width="%d" height="%.0f" role="img" aria-labelledby="title words">`, columns, high, columns, high)
	c.add(`<title id="title">%s</title><desc id="words">%s</desc><style>%s%s</style>`, escaped(title), escaped(e.Why), colours, style)
	c.box("paper", 0, 0, columns, high)
	c.text("title", margin, margin+14, title)
	for n, line := range words {
		c.text("words", margin, float64(margin+38+lineHigh*n), line)
	}
	for _, t := range tiles {
		c.add("%s", t)
	}
	return []byte(c.close())
}

// tile is a drawing with its name, the n-th of two in a row.
func tile(name, drawing string, n int, head float64) string {
	c := &canvas{}
	x, y := float64(margin+n%2*(width+margin)), head+20+float64(n/2*260)
	c.text("name", x, y, name)
	c.add("%s", placed(drawing, x, y+6))
	return c.String()
}

// metrics lists what each adds. It is "" where nothing was counted.
func metrics(e api.Evidence) string {
	if len(e.History) == 0 {
		return ""
	}
	c := &canvas{}
	c.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d">`, width, tileHigh)
	at, y := []float64{0, 180, 265, width - 10}, 13.0
	if e.First {
		at = at[:3] // nothing is stable
	}
	for n, name := range []string{"", "to 1", "candidate", "stable"}[:len(at)] {
		c.text(column("name", n), at[n], y, name)
	}
	for _, m := range e.Metrics[:min(len(e.Metrics), 10)] {
		y += lineHigh
		for n, words := range []string{cut(InWords(m.Name), 16), strings.Replace(ToOne(m.E), "more than ", "> ", 1), Rate(m.Canary), Rate(m.Baseline)}[:len(at)] {
			c.text(column("words", n), at[n], y, words)
		}
	}
	return c.close()
}

// column is the class of words in a column: numbers are to its right.
func column(class string, n int) string {
	if n > 0 {
		return class + " end"
	}
	return class
}

// Rate is a part of what was counted: 0.52 %.
func Rate(c api.EvidenceCount) string {
	if c.All == 0 {
		return "–"
	}
	return Digits(100*c.Failed/c.All) + " %"
}

// placed puts a drawing somewhere in another.
func placed(drawing string, x, y float64) string {
	return strings.Replace(drawing, "<svg ", fmt.Sprintf(`<svg x="%.0f" y="%.0f" width="%d" height="%d" preserveAspectRatio="xMinYMin" `, x, y, width, tileHigh), 1)
}

// Glued are words of which no line begins with the unit of a number.
func Glued(words string) string { return unit.ReplaceAllString(words, "$1\u00a0$2") }

var unit = regexp.MustCompile(`(\d) (%|(?:µs|ms|s|min|h|pp|MB|GB)\b)`)

// wrapped breaks words into lines.
func wrapped(words string, n int) (lines []string) {
	line := ""
	for w := range strings.SplitSeq(Glued(words), " ") {
		if line != "" && utf8.RuneCountInString(line+" "+w) > n {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + w)
	}
	return append(lines, line)
}
