package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"sync"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/ansi"
	"github.com/slipway-cd/slipway/internal/server/picture"
)

// page is what a handler answers: a title, the command that shows the same, and
// the parts from top to bottom.
type page struct {
	Title   string
	Command string
	Topic   string // of the hints that change it
	Ended   bool   // nothing will change any more
	Parts   []part
}

// part is a piece of a page that is rendered, and sent again, by itself.
type part struct {
	Template string // also the element's ID
	Class    string
	Data     any
	HTML     template.HTML
}

// pageFunc makes the page that a request asks for, for the person who looks.
type pageFunc func(r *http.Request, p slipway.Principal) (page, error)

// page serves f as a page, and as a live stream for the script that asks for
// one of the same address.
func (s *site) page(mux *http.ServeMux, pattern string, f pageFunc) {
	mux.HandleFunc("GET "+pattern, func(w http.ResponseWriter, r *http.Request) {
		p, err := s.Sessions.Person(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		if r.Header.Get("Accept") == "text/event-stream" {
			s.live(w, r, f)
			return
		}
		pg, err := s.rendered(r, p, f)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		s.write(w, http.StatusOK, "layout", layout{page: pg, Person: p.Actor.Name, Role: string(p.Role), Path: r.URL.Path})
	})
}

// layout is what surrounds the parts.
type layout struct {
	page
	Person, Role, Path string
}

func (s *site) rendered(r *http.Request, p slipway.Principal, f pageFunc) (page, error) {
	pg, err := f(r, p)
	if err != nil {
		return page{}, err
	}
	for i := range pg.Parts {
		var b bytes.Buffer
		if err := templates().ExecuteTemplate(&b, pg.Parts[i].Template, pg.Parts[i].Data); err != nil {
			return page{}, err
		}
		pg.Parts[i].HTML = template.HTML(ansi.Shown(b.String())) //nolint:gosec // made by html/template just now
	}
	return pg, nil
}

func (s *site) write(w http.ResponseWriter, status int, name string, data any) {
	var b bytes.Buffer
	if err := templates().ExecuteTemplate(&b, name, data); err != nil {
		s.Log.Error("page", "template", name, "err", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, ansi.Shown(b.String()))
}

// fail shows a page that says what is wrong and what to do next.
func (s *site) fail(w http.ResponseWriter, r *http.Request, err error) {
	code := slipway.CodeOf(err)
	if code == slipway.Internal {
		s.Log.Error("page", "path", r.URL.Path, "err", err)
	}
	e, ok := errors.AsType[*slipway.Error](err)
	if !ok {
		e = slipway.Errorf(slipway.Internal, "internal error").Do("the server's log has the details")
	}
	s.write(w, code.HTTPStatus(), "failure", struct {
		Title, Message, Next string
		Login                bool
	}{http.StatusText(code.HTTPStatus()), e.Message, e.Next, code == slipway.Unauthenticated})
}

var templates = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(funcs).Funcs(evidenceFuncs).ParseFS(files, "templates/*.html"))
})

// assetURL carries the content's digest, so that a new binary's page never
// meets an old binary's script.
func assetURL(name string) (string, error) {
	text := []byte(picture.Style())
	if name != plotCSS {
		var err error
		if text, err = fs.ReadFile(files, "assets/"+name); err != nil {
			return "", err
		}
	}
	sum := sha256.Sum256(text)
	return "/assets/" + name + "?" + hex.EncodeToString(sum[:6]), nil
}
