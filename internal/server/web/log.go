package web

import (
	"bufio"
	"fmt"
	"html/template"
	"io"
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
	log, err := s.View.JobLog(r.Context(), r.PathValue("job"), true)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	defer func() { _ = log.Close() }()
	stream, err := s.openStream(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	defer stream.close()
	seen, _ := strconv.Atoi(r.Header.Get("Last-Event-ID"))
	if err := stream.log(log, seen); err != nil {
		return // it connects again, with its last line
	}
	stream.send("end", "")
}

// log sends the lines after the first seen ones as numbered HTML.
func (st *stream) log(text io.Reader, seen int) error {
	screen, err := terminal.NewScreen(terminal.WithMaxSize(0, 1))
	if err != nil {
		return err
	}
	line := 0
	screen.ScrollOutFunc = func(html string) {
		if line++; line > seen && line <= maxLogLines {
			_, _ = fmt.Fprintf(st.w, "id: %d\n", line)
			st.send("line", html)
		}
	}
	safe := ansi.NewWriter(screen)
	in := bufio.NewReaderSize(text, 32<<10)
	for {
		chunk, err := in.ReadSlice('\n')
		if _, err := safe.Write(chunk); err != nil {
			return err
		}
		switch {
		case err == io.EOF:
			if rest := screen.AsHTML(); rest != "" { // no line break at its end
				screen.ScrollOutFunc(rest)
			}
			return st.ctx.Err()
		case err != nil && err != bufio.ErrBufferFull: //nolint:errorlint // bufio returns it bare
			return slipway.Errorf(slipway.Unavailable, "the log broke off: %w", err)
		}
	}
}

// logHTML is for text that is there already, such as the last lines of an
// instance that failed.
func logHTML(text string) template.HTML {
	return template.HTML(terminal.Render([]byte(ansi.Safe(text)))) //nolint:gosec // the library escapes
}
