// Package ansi makes text that strangers wrote safe to show: colours stay,
// every other escape sequence and control character goes, so that a log can
// neither move a cursor, nor name a window, nor fill a clipboard.
package ansi

import (
	"io"
	"strings"
)

// maxSGR bounds a colour sequence; a longer one is dropped.
const maxSGR = 64

// Writer passes text on to another writer without unsafe sequences. A sequence
// may be split over writes.
type Writer struct {
	to    io.Writer
	state state
	held  []byte // of a sequence that is not over, or of a C1 control
	out   []byte
}

type state int

const (
	ground  state = iota
	escape        // after ESC
	control       // after ESC [ : a control sequence, ECMA-48 5.4
	ignored       // in a control sequence that is not a colour
	text          // in an operating-system command or another string: ends with BEL or ESC \
	textEsc       // after an ESC in one
	charset       // after ESC and an intermediate byte: ends with a final byte
	c2            // after 0xC2: may begin a C1 control in UTF-8
)

// NewWriter makes a Writer that passes safe text on to w.
func NewWriter(w io.Writer) *Writer { return &Writer{to: w} }

// Write passes the safe part of p on. It returns len(p) unless the writer
// behind it fails.
func (w *Writer) Write(p []byte) (int, error) {
	w.out = w.out[:0]
	for _, b := range p {
		w.next(b)
	}
	if len(w.out) > 0 {
		if _, err := w.to.Write(w.out); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func (w *Writer) next(b byte) {
	switch w.state {
	case ground:
		w.plain(b)
	case c2:
		w.state = ground
		if b >= 0x80 && b <= 0x9f {
			return // a C1 control
		}
		w.out = append(w.out, 0xc2)
		w.plain(b)
	case escape:
		switch {
		case b == '[':
			w.state, w.held = control, append(w.held[:0], 0x1b, '[')
		case b == ']' || b == 'P' || b == 'X' || b == '^' || b == '_':
			w.state = text
		case b >= 0x20 && b <= 0x2f:
			w.state = charset
		case b != 0x1b:
			w.state = ground
		}
	case charset:
		if b < 0x20 || b > 0x2f {
			w.state = ground
		}
	case control:
		w.sequence(b)
	case ignored:
		if b >= 0x40 && b <= 0x7e || b < 0x20 {
			w.state = ground
		}
	case text:
		switch b {
		case 0x07:
			w.state = ground
		case 0x1b:
			w.state = textEsc
		case '\n': // an unfinished command must not swallow the rest of the log
			w.state = ground
			w.out = append(w.out, b)
		}
	case textEsc:
		w.state = ground
		if b != '\\' {
			w.state = escape
			w.next(b)
		}
	}
}

// sequence collects a control sequence and lets it pass when it is a colour.
func (w *Writer) sequence(b byte) {
	switch {
	case b == 'm' && len(w.held) < maxSGR:
		w.out = append(append(w.out, w.held...), 'm')
		w.state = ground
	case b >= '0' && b <= ';' && len(w.held) < maxSGR:
		w.held = append(w.held, b)
	case b >= 0x40 && b <= 0x7e:
		w.state = ground
	case b == '\n':
		w.state = ground
		w.out = append(w.out, b)
	default:
		w.state = ignored
	}
}

func (w *Writer) plain(b byte) {
	switch {
	case b == 0x1b:
		w.state = escape
	case b == 0xc2:
		w.state = c2
	case b >= 0x20 && b != 0x7f, b == '\n', b == '\t', b == '\r':
		w.out = append(w.out, b)
	}
}

// Safe is s without unsafe sequences.
func Safe(s string) string {
	w := Writer{to: io.Discard}
	_, _ = w.Write([]byte(s))
	return string(w.out)
}

// Plain is s without any sequence, colours included, on one line.
func Plain(s string) string {
	out := make([]byte, 0, len(s))
	skip := false
	for _, b := range []byte(Safe(s)) {
		switch {
		case b == 0x1b:
			skip = true
		case skip:
			skip = b != 'm'
		case b == '\n' || b == '\r' || b == '\t':
			out = append(out, ' ')
		default:
			out = append(out, b)
		}
	}
	return Shown(string(out))
}

// Shown is s without the characters that are not shown but steer how others
// are: control characters but for line breaks and tabs, and those that turn the
// direction of text, so that it reads as something else than it is.
func Shown(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
		case r < 0x20, r >= 0x7f && r <= 0x9f, // C0, DEL, C1
			r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x61c: // lines, paragraphs, directions
			return -1
		}
		return r
	}, s)
}
