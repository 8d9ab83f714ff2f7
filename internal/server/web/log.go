package web

import (
	"bytes"
	"context"
	"fmt"
	"html/template"
	"net/http"
	"regexp"
	"slices"
	"strconv"

	terminal "github.com/buildkite/terminal-to-html/v3"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/ansi"
	"github.com/slipway-cd/slipway/internal/server/auth"
)

const maxLogLines = 50_000 // that a page shows; the command line shows all

// logStream sends a job's log line by line, from the line after the browser's
// last one, until the job has ended or the session has.
func (s *site) logStream(w http.ResponseWriter, r *http.Request) {
	if err := s.ofBuild(r); err != nil {
		s.fail(w, r, err)
		return
	}
	stream, err := s.openStream(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	defer stream.close()
	ctx, stop := auth.While(stream.ctx, recheck, func(context.Context) error {
		_, err := s.Sessions.Person(r)
		return err
	})
	defer stop()
	stream.ctx = ctx
	seen, _ := strconv.Atoi(r.Header.Get("Last-Event-ID"))
	lines := &lines{to: stream, seen: seen}
	if err := s.View.JobLog(ctx, slipway.JobID(r.PathValue("job")), ansi.NewWriter(lines)); err != nil {
		return // the browser connects again, with its last line
	}
	lines.end()
	stream.send("end", "")
}

// ofBuild checks that whoever asks may see the build, and that the job is of it.
func (s *site) ofBuild(r *http.Request) error {
	p, err := s.Sessions.Person(r)
	if err != nil {
		return err
	}
	n, err := number(r, "number")
	if err != nil {
		return err
	}
	b, err := s.View.Build(r.Context(), p, r.PathValue("repository"), int(n))
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(b.Jobs, func(j api.Job) bool { return j.ID == r.PathValue("job") }) {
		return slipway.Errorf(slipway.NotFound, "build %s/%d has no such job", b.Repository, b.Number)
	}
	return nil
}

// lines sends text as numbered lines of HTML, those after the first seen ones.
type lines struct {
	to     *stream
	seen   int
	sent   int
	line   []byte // that has no end yet
	colour []byte // sequences in force where the line begins
}

const (
	maxLine   = 16 << 10 // a longer line is broken
	maxColour = 256
)

// Write takes text that is safe: colours are the only sequences in it.
func (l *lines) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		switch {
		case i >= 0:
			l.line = append(l.line, rest[:i]...)
			rest = rest[i+1:]
			l.send()
		case len(l.line) > maxLine:
			l.send()
		default:
			l.line = append(l.line, rest...)
			rest = nil
		}
	}
	return len(p), l.to.ctx.Err()
}

// end sends what had no line break at its end.
func (l *lines) end() {
	if len(l.line) > 0 {
		l.send()
	}
}

func (l *lines) send() {
	if l.sent++; l.sent > l.seen && l.sent <= maxLogLines {
		html := terminal.Render(append(bytes.Clone(l.colour), l.line...))
		_, _ = fmt.Fprintf(l.to.w, "id: %d\n", l.sent)
		l.to.send("line", ansi.Shown(html))
	}
	l.carry()
	l.line = l.line[:0]
}

var (
	colour = regexp.MustCompile(`\x1b\[[0-9:;]*m`)
	reset  = regexp.MustCompile(`^\x1b\[0*m$`)
)

// carry finds which colours are in force at the end of the line.
func (l *lines) carry() {
	for _, c := range colour.FindAll(l.line, -1) {
		switch {
		case reset.Match(c):
			l.colour = l.colour[:0]
		case len(l.colour)+len(c) <= maxColour:
			l.colour = append(l.colour, c...)
		}
	}
}

// logHTML is for text that is there already, such as the last lines of an
// instance that failed.
func logHTML(text string) template.HTML {
	return template.HTML(terminal.Render([]byte(ansi.Safe(text)))) //nolint:gosec // the library escapes
}
