package cli

import (
	"encoding/json"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// screen is where results go. On a terminal it may redraw and have colour.
type screen struct {
	out      io.Writer
	terminal bool
	colour   bool
	width    int
}

const plainWidth = 100 // of what is not a terminal

func (a *app) screen(c *cobra.Command) *screen {
	s := &screen{out: c.OutOrStdout(), width: plainWidth}
	f, ok := s.out.(*os.File)
	if !ok || a.json || !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return s
	}
	s.terminal = true
	s.colour = os.Getenv("NO_COLOR") == ""
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
		s.width = w
	}
	return s
}

// json prints v, one object a line.
func (s *screen) json(v any) error {
	e := json.NewEncoder(s.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// Colours. Each goes with a word or a shape that says the same.
const (
	green = "32"
	amber = "33"
	red   = "31"
	dim   = "2"
	bold  = "1"
)

func (s *screen) paint(colour, text string) string {
	if !s.colour || colour == "" || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}
