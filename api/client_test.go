package api_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-cd/slipway/api"
)

func TestClientSendsWhatWasAsked(t *testing.T) {
	var got string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = fmt.Sprintf("%s %s %s %s", r.Method, r.URL.RequestURI(), r.Header.Get("Authorization"), body)
		_, _ = fmt.Fprint(w, `{"items":[]}`)
	}))
	defer srv.Close()
	c := api.New(srv.URL+"/", "slu_secret")
	ctx := t.Context()

	for _, tt := range []struct {
		want string
		call func() error
	}{
		{"GET /api/v1/whoami Bearer slu_secret ", func() error { _, err := c.Whoami(ctx); return err }},
		{"GET /api/v1/builds?limit=5&repository=web Bearer slu_secret ", func() error { _, err := c.Builds(ctx, "web", 5); return err }},
		{"GET /api/v1/builds Bearer slu_secret ", func() error { _, err := c.Builds(ctx, "", 0); return err }},
		{"GET /api/v1/builds/a%2Fb/3 Bearer slu_secret ", func() error { _, err := c.Build(ctx, "a/b", 3); return err }},
		{`POST /api/v1/builds/web/3/unblock Bearer slu_secret {}`, func() error { _, err := c.Unblock(ctx, "web", 3, ""); return err }},
		{`POST /api/v1/builds/web/3/cancel Bearer slu_secret `, func() error { _, err := c.CancelBuild(ctx, "web", 3); return err }},
		{`POST /api/v1/deployments/7/abort Bearer slu_secret `, func() error { _, err := c.Abort(ctx, 7); return err }},
		{`POST /api/v1/agent-tokens Bearer slu_secret {"queues":["test"]}`, func() error { _, err := c.AddAgentToken(ctx, "test"); return err }},
		{"GET /api/v1/jobs/j1/log?follow=true&offset=10 Bearer slu_secret ", func() error {
			r, err := c.JobLog(ctx, "j1", 10, true)
			if err == nil {
				_ = r.Close()
			}
			return err
		}},
	} {
		if err := tt.call(); err != nil {
			t.Errorf("%s: %v", tt.want, err)
		}
		if got != tt.want {
			t.Errorf("sent %q, want %q", got, tt.want)
		}
	}
}

func TestClientErrors(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/v1/whoami":
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprint(w, `{"code":"forbidden","detail":"no","status":403}`)
		case "/api/v1/board":
			http.Redirect(w, r, "http://elsewhere.example/", http.StatusFound)
		default:
			_, _ = fmt.Fprint(w, "<html>")
		}
	}))
	defer srv.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()

	c := api.New(srv.URL, "")
	for _, tt := range []struct {
		call func() error
		code string
		want string
	}{
		{func() error { _, err := c.Whoami(t.Context()); return err }, "forbidden", "no"},
		{func() error { _, err := c.Board(t.Context()); return err }, "internal", "is it a Slipway server?"},
		{func() error { _, err := c.Agents(t.Context()); return err }, "unavailable", "cannot understand"},
		{func() error { _, err := api.New(gone.URL, "").Whoami(t.Context()); return err }, "unavailable", "slipway is not running at " + gone.URL + "\nstart it: slipway up"},
		{func() error { _, err := api.New("http://a b", "").Whoami(t.Context()); return err }, "invalid", "not the address"},
		{func() error { _, err := c.Whoami(canceled); return err }, "unavailable", "canceled"},
	} {
		err := tt.call()
		p, ok := errors.AsType[*api.Problem](err)
		if !ok || p.Code != tt.code || !strings.Contains(p.Message, tt.want) {
			t.Errorf("got %v, want %s: %s", err, tt.code, tt.want)
		}
	}
}

func TestEvents(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.RawQuery {
		case "after=0&build=web%2F1":
			_, _ = fmt.Fprint(w, `{"items":[{"seq":1},{"seq":2}],"next":2,"more":true}`)
		case "after=2&build=web%2F1":
			_, _ = fmt.Fprint(w, `{"items":[{"seq":5}],"next":5}`)
		case "after=5&follow=true":
			_, _ = fmt.Fprint(w, "retry: 1000\n\n: still here\n\nid: 6\ndata: {\"seq\":6}\n\nid: 7\ndata: {\"seq\":7}\n\n")
		}
	}))
	defer srv.Close()
	c := api.New(srv.URL, "")

	var seqs []int64
	for e, err := range c.Events(t.Context(), 0, false, api.EventFilter{Build: "web/1"}) {
		if err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, e.Seq)
	}
	var broke error
	for e, err := range c.Events(t.Context(), 5, true, api.EventFilter{}) {
		if broke = err; err == nil {
			seqs = append(seqs, e.Seq)
		}
	}
	if !slices.Equal(seqs, []int64{1, 2, 5, 6, 7}) {
		t.Errorf("events %v", seqs)
	}
	if !errors.Is(broke, io.ErrUnexpectedEOF) {
		t.Errorf("a stream that ends must say so, got %v", broke)
	}
}

// Of several servers the next is asked when one takes no connections, and not
// when one that was asked falls silent: it may have done it.
func TestClientOfSeveralServers(t *testing.T) {
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if asked++; string(body) != `{"queues":["test"]}` {
			t.Errorf("it was asked %q", body)
		}
		_, _ = fmt.Fprint(w, `{}`)
	}))
	defer srv.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	c := api.New(gone.URL+","+srv.URL+"/", "slu_secret")
	for n := range 2 {
		if _, err := c.AddAgentToken(t.Context(), "test"); err != nil || asked != n+1 || c.URL() != srv.URL {
			t.Errorf("%s was asked %d times: %v", c.URL(), asked, err)
		}
	}
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer silent.Close()
	asked = 0
	if _, err := api.New(silent.URL+","+srv.URL, "slu_secret").AddAgentToken(t.Context(), "test"); err == nil || asked > 0 {
		t.Errorf("another was asked %d times what one may have done: %v", asked, err)
	}
	if _, err := api.New(gone.URL+","+gone.URL, "").Whoami(t.Context()); err == nil || !strings.Contains(err.Error(), "is not running at "+gone.URL) {
		t.Errorf("no server answers: %v", err)
	}
}
