package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/slipway-cd/slipway/internal/ansi"
)

func TestLogLinesAreNumberedAndSafe(t *testing.T) {
	rec := httptest.NewRecorder()
	st := &stream{ctx: context.Background(), w: rec, rc: http.NewResponseController(rec), close: func() {}}
	l := &lines{to: st, seen: 1}
	w := ansi.NewWriter(l)
	for _, piece := range []string{"one\ntw", "o \x1b[31mre", "d\x1b[0m <b>\x1b]0;owned\x07\n", "10 %\r100 %\n", "\x1b[1mbold\nstill\n", "end"} {
		if _, err := w.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
	}
	l.end()
	got := rec.Body.String()
	want := "id: 2\nevent: line\ndata: two <span class=\"term-fg31\">red</span> &lt;b&gt;\n\n" +
		"id: 3\nevent: line\ndata: 100 %\n\n" + "id: 4\nevent: line\ndata: <span class=\"term-fg1\">bold</span>\n\n" +
		"id: 5\nevent: line\ndata: <span class=\"term-fg1\">still</span>\n\n" +
		"id: 6\nevent: line\ndata: <span class=\"term-fg1\">end</span>\n\n"
	if strings.ReplaceAll(got, "&#47;", "/") != want {
		t.Errorf("sent %q\nwant %q", got, want)
	}
}
