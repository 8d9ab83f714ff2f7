package picture

import (
	"fmt"
	"html"
	"strings"

	"github.com/slipway-cd/slipway/internal/ansi"
)

// canvas is a drawing that grows.
type canvas struct {
	strings.Builder
}

// add writes markup. Numbers are all that may be put into it.
func (c *canvas) add(format string, numbers ...any) { _, _ = fmt.Fprintf(c, format, numbers...) }

// text writes words, of anybody, at a place.
func (c *canvas) text(class string, x, y float64, words string) {
	c.add(`<text class="%s" x="%.1f" y="%.1f">%s</text>`, class, x, y, escaped(words))
}

func escaped(words string) string { return html.EscapeString(ansi.Plain(words)) }

func (c *canvas) line(class string, x1, y1, x2, y2 float64) {
	c.add(`<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, class, x1, y1, x2, y2)
}

func (c *canvas) box(class string, x, y, width, height float64) {
	c.add(`<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, class, x, y, max(width, 0), max(height, 0))
}

// open begins a drawing of its own, which a screen reader reads as its name and
// what it shows.
func (c *canvas) open(id string, height float64, name, shows string) {
	c.add(`<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 0 %d %.0f" role="img" aria-labelledby="%s-name %s-shows">`, width, height, id, id)
	c.add(`<title id="%s-name">%s</title><desc id="%s-shows">%s</desc>`, id, escaped(name), id, escaped(shows))
}

func (c *canvas) close() string {
	c.add("</svg>")
	return c.String()
}

// Sizes, in the units of a drawing: CSS pixels where it is as wide as a phone.
const (
	width  = 360
	left   = 42.0
	right  = width - 8.0
	top    = 26.0
	bottom = 172.0
)
