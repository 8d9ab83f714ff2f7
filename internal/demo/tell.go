package demo

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
)

const indent = "   "

// teller prints the story, whole lines at a time.
type teller struct {
	mu   sync.Mutex
	out  io.Writer
	acts int
}

func (t *teller) title(text string) {
	t.acts++
	t.print(fmt.Sprintf("\n%d  %s\n", t.acts, text))
}

func (t *teller) say(format string, args ...any) {
	t.print(strings.TrimRight(indent+fmt.Sprintf(format, args...), " ") + "\n")
}

func (t *teller) print(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = io.WriteString(t.out, text)
}

// lines is a writer that says each line of what a command prints.
type lines struct {
	t    *teller
	skip string // lines that hold this are left out, unless ""
	held []byte
}

// maxHeld bounds a line that does not end.
const maxHeld = 16 << 10

func (l *lines) Write(p []byte) (int, error) {
	l.held = append(l.held, p...)
	for {
		i := bytes.IndexAny(l.held, "\n\r")
		if i < 0 {
			break
		}
		l.line(string(l.held[:i]))
		l.held = l.held[i+1:]
	}
	if len(l.held) > maxHeld {
		l.flush()
	}
	return len(p), nil
}

func (l *lines) flush() {
	l.line(string(l.held))
	l.held = nil
}

func (l *lines) line(text string) {
	text = strings.TrimRight(text, " ")
	if text != "" && (l.skip == "" || !strings.Contains(text, l.skip)) {
		l.t.say("%s", text)
	}
}
