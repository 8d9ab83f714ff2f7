package web

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

const payload = `"><script>alert(1)</script><img src=x onerror=alert(1)>'` + "`{{.}}\x1b]0;owned\x07\x1b[31m\u202e"

// hostile is an installation in which everything that may be a text is an
// attack.
type hostile struct {
	quiet
	state string // of whatever has one
	url   string // of whatever has one
}

// fill puts the payload into every text of v, and one of everything into lists.
func (h *hostile) fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(payload)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint64:
		v.SetUint(1)
	case reflect.Float64:
		v.SetFloat(1)
	case reflect.Pointer:
		if v.Type().Elem() == reflect.TypeFor[api.Deployment]() && v.Type().String() != "*api.Deployment" {
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		h.fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		h.fill(v.Index(0))
	case reflect.Map: // its owner fills it
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Now()))
			return
		}
		for f, value := range v.Fields() {
			h.fill(value)
			switch f.Name {
			case "State", "Phase", "Health":
				value.SetString(h.state)
			case "Kind":
				value.SetString("command")
			case "URL":
				value.SetString(h.url)
			}
		}
	default:
		panic("a page shows a kind of value that is not filled yet: " + v.Kind().String())
	}
}

func filled[T any](h *hostile) (v T) {
	h.fill(reflect.ValueOf(&v).Elem())
	return v
}

func (h *hostile) Board(context.Context) (api.Board, error) {
	b := filled[api.Board](h)
	b.Services[0].Removed = nil // or it would not be shown
	return b, nil
}

func (h *hostile) Builds(context.Context, slipway.Principal, string, int) ([]api.Build, error) {
	return filled[[]api.Build](h), nil
}

func (h *hostile) Build(context.Context, slipway.Principal, string, int) (api.Build, error) {
	b := filled[api.Build](h)
	for _, kind := range []string{"block", "wait"} {
		j := b.Jobs[0]
		j.Kind = kind
		b.Jobs = append(b.Jobs, j)
	}
	return b, nil
}

func (h *hostile) Deployments(context.Context, string, string, int) ([]api.Deployment, error) {
	return filled[[]api.Deployment](h), nil
}

func (h *hostile) Deployment(context.Context, int64) (api.Deployment, error) {
	return filled[api.Deployment](h), nil
}

func (h *hostile) Person(*http.Request) (slipway.Principal, error) {
	return slipway.Principal{Actor: slipway.Actor{Kind: slipway.ActorUser, Name: payload}, Role: slipway.Admin}, nil
}

var (
	tag       = regexp.MustCompile(`<[^>]*>`)
	attribute = regexp.MustCompile(`"[^"]*"`)
	inline    = regexp.MustCompile(`(?i)\s(on\w+|style|srcdoc)\s*=|<script\s*>|<style|javascript:`)
)

// What strangers write is text, on every page, wherever it stands: subjects,
// labels, prompts, branches, names, reasons, logs. And as the policy forbids it,
// no page has a script or a style of its own in it.
func TestStrangersTextIsText(t *testing.T) {
	for _, state := range []string{"blocked", "running", "failed", "passed", "progressing", payload} {
		for _, url := range []string{"http://127.0.0.1:7100", "javascript:alert(1)", payload} {
			h := &hostile{state: state, url: url}
			pages := New(Config{View: h, Sessions: h, Waker: h, Log: nil})
			for _, path := range []string{
				"/", "/builds", "/builds?repository=%22%3E%3Cscript%3E", "/builds/web/1", "/builds/web/1?job=%22%3E%3Cscript%3E",
				"/deployments", "/deployments?service=%22%3E%3Cscript%3E", "/deployments/1", "/nothing/%22%3E%3Cscript%3Ealert(1)", "/builds/web/%22%3E%3Cscript%3E",
			} {
				w := httptest.NewRecorder()
				pages.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
				checkPage(t, fmt.Sprintf("%s with %.9q at %.9q", path, state, url), w.Body.String())
			}
		}
	}
}

func checkPage(t *testing.T, what, text string) {
	t.Helper()
	if !strings.Contains(text, "<!doctype html>") {
		t.Errorf("%s is no page: %.300s", what, text)
	}
	for _, element := range tag.FindAllString(text, -1) {
		bare := attribute.ReplaceAllString(element, `""`)
		if strings.HasPrefix(bare, "<img") || inline.MatchString(bare) || strings.Contains(element, `href="javascript:`) {
			t.Errorf("%s has %s", what, element)
		}
	}
	if strings.Contains(text, "<script>alert") || strings.Contains(text, "alert(1)</script") {
		t.Errorf("%s runs what a stranger wrote", what)
	}
	if i := strings.IndexAny(text, "\x1b\x07\u202e"); i >= 0 {
		t.Errorf("%s lets a control character through: …%q", what, text[max(0, i-60):i+5])
	}
}
