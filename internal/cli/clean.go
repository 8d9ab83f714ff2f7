package cli

import (
	"io"
	"strings"

	"github.com/slipway-cd/slipway/internal/ansi"
)

// strangers is where to write what others wrote (logs): colours pass where the
// screen has them, no other escape sequence does.
func (s *screen) strangers() io.Writer {
	if s.colour {
		return ansi.NewWriter(s.out)
	}
	return ansi.NewWriter(&colourless{to: s.out})
}

// colourless passes on all but colours. It comes after an [ansi.Writer], which
// lets no other sequence through.
type colourless struct {
	to     io.Writer
	inside bool
}

func (c *colourless) Write(p []byte) (int, error) {
	out := make([]byte, 0, len(p))
	for _, b := range p {
		switch {
		case b == 0x1b:
			c.inside = true
		case c.inside:
			c.inside = b != 'm'
		default:
			out = append(out, b)
		}
	}
	if _, err := c.to.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// plain is s without any sequence, line by line.
func plain(s string) string {
	var b strings.Builder
	_, _ = ansi.NewWriter(&colourless{to: &b}).Write([]byte(s)) // a Builder takes everything
	return b.String()
}

// one is s without any sequence on one line.
func one(s string) string { return strings.Join(strings.Fields(ansi.Plain(s)), " ") }
