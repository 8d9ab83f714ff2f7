package web

import (
	"fmt"
	"html/template"
	"net/http"
	"strconv"

	terminal "github.com/buildkite/terminal-to-html/v3"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/ansi"
)

const maxLogLines = 50_000 // that a page shows; the command line shows all

// logStream sends a job's log line by line, from the line after the browser's
// last one, until the job has ended.
func (s *site) logStream(w http.ResponseWriter, r *http.Request) {
	p, err := s.Sessions.Person(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	n, err := number(r, "number")
	if err == nil {
		_, err = s.View.Build(r.Context(), p, r.PathValue("repository"), int(n))
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	stream, err := s.openStream(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	defer stream.close()
	seen, _ := strconv.Atoi(r.Header.Get("Last-Event-ID"))
	lines, err := stream.lines(seen)
	if err != nil {
		s.Log.Error("log page", "err", err)
		return
	}
	if err := s.View.JobLog(stream.ctx, slipway.JobID(r.PathValue("job")), ansi.NewWriter(lines)); err != nil {
		return // the browser connects again, with its last line
	}
	lines.end()
	stream.send("end", "")
}

// lines turns text into numbered lines of HTML and sends those after the first
// seen ones.
func (st *stream) lines(seen int) (*lines, error) {
	screen, err := terminal.NewScreen(terminal.WithMaxSize(0, 1))
	if err != nil {
		return nil, err
	}
	l := &lines{screen: screen}
	screen.ScrollOutFunc = func(html string) {
		if l.sent++; l.sent > seen && l.sent <= maxLogLines {
			_, _ = fmt.Fprintf(st.w, "id: %d\n", l.sent)
			st.send("line", html)
		}
	}
	return l, nil
}

// lines is a log on its way to a page.
type lines struct {
	screen *terminal.Screen
	sent   int
}

func (l *lines) Write(p []byte) (int, error) { return l.screen.Write(p) }

// end sends what had no line break at its end.
func (l *lines) end() {
	if rest := l.screen.AsHTML(); rest != "" {
		l.screen.ScrollOutFunc(rest)
	}
}

// logHTML is for text that is there already, such as the last lines of an
// instance that failed.
func logHTML(text string) template.HTML {
	return template.HTML(terminal.Render([]byte(ansi.Safe(text)))) //nolint:gosec // the library escapes
}
