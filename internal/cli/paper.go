package cli

import (
	"fmt"
	"io"
	"strings"
)

// paper shows lines that change. On a terminal it draws them anew in place;
// elsewhere it prints each once, when it is final.
type paper struct {
	s       *screen
	drawn   int // lines on the terminal
	printed map[string]bool
}

// draw shows lines. What final does not call so is not printed yet where
// nothing can be redrawn.
func (p *paper) draw(lines []string, final func(string) bool) error {
	if p.s.terminal {
		return p.redraw(lines)
	}
	if p.printed == nil {
		p.printed = map[string]bool{}
	}
	for _, line := range lines {
		if p.printed[line] || !final(line) {
			continue
		}
		p.printed[line] = true
		if err := p.s.line("%s", line); err != nil {
			return err
		}
	}
	return nil
}

// redraw puts lines over those drawn before, in one write so that it does not
// flicker. Lines are cut to the width: a wrapped one could not be counted.
func (p *paper) redraw(lines []string) error {
	var b strings.Builder
	if p.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", p.drawn)
	}
	b.WriteString("\r\x1b[J")
	p.drawn = 0
	for line := range strings.SplitSeq(strings.Join(lines, "\n"), "\n") {
		b.WriteString(fit(line, p.s.width) + "\n")
		p.drawn++
	}
	_, err := io.WriteString(p.s.out, b.String())
	return err
}

// fit cuts a line that may have colours to n columns.
func fit(line string, n int) string {
	if wide(line) <= n {
		return line
	}
	var b strings.Builder
	columns, inColour := 0, false
	for _, r := range line {
		switch {
		case r == 0x1b:
			inColour = true
		case inColour:
			inColour = r != 'm'
		case columns == n-1:
			return b.String() + "…\x1b[0m"
		default:
			columns++
		}
		b.WriteRune(r)
	}
	return b.String()
}

// folded breaks lines between words, each below the text after its first word, so
// that [paper.redraw] cuts nothing of them that could be read.
func (s *screen) folded(lines []string) (all []string) {
	for _, line := range lines {
		if !s.terminal || wide(line) <= s.width {
			all = append(all, line)
			continue
		}
		text := strings.TrimLeft(line, " ")
		indent := len(line) - len(text)
		label, rest, _ := strings.Cut(text, " ")
		now := strings.Repeat(" ", indent) + label + " " + strings.Repeat(" ", len(rest)-len(strings.TrimLeft(rest, " ")))
		if indent = wide(now); indent > s.width/3 {
			indent = s.width / 3
		}
		for word := range strings.FieldsSeq(rest) {
			if wide(now)+wide(word) > s.width && wide(now) > indent {
				all = append(all, trimRight(now))
				now = strings.Repeat(" ", indent)
			}
			now += word + " "
		}
		all = append(all, trimRight(now))
	}
	return all
}

func trimRight(s string) string { return strings.TrimRight(s, " ") }
