package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func serveUsers(t *testing.T, code int, body string) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/users" {
			t.Errorf("asked users-backend for %s", r.URL.Path)
		}
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func get(b *backend, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	b.routes().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w
}

func TestThoughtsHaveAuthors(t *testing.T) {
	b := fromEnv()
	b.users = serveUsers(t, 200, `[{"id":"u1","name":"Mei"},{"id":"u2","name":"Jon"}]`)
	w := get(b, "/thoughts")
	var got []thought
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	if len(got) != len(thoughts) || got[0].Author != "Mei" || got[1].Author != "Jon" {
		t.Errorf("thoughts: %+v", got)
	}
}

func TestUsersBackendIsAway(t *testing.T) {
	b := fromEnv()
	b.users = serveUsers(t, 503, "")
	if w := get(b, "/thoughts"); w.Code != 502 {
		t.Errorf("GET /thoughts: %d, want 502", w.Code)
	}
}

func TestReady(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := fromEnv()
	if w := get(b, "/readyz"); w.Code != 200 {
		t.Errorf("without a cache: %d, want 200", w.Code)
	}
	b.cache = l.Addr().String()
	if w := get(b, "/readyz"); w.Code != 200 {
		t.Errorf("with a cache: %d, want 200", w.Code)
	}
	_ = l.Close()
	if w := get(b, "/readyz"); w.Code != 500 || !strings.Contains(w.Body.String(), "connection refused") {
		t.Errorf("with a cache that is away: %d %s, want 500 and why", w.Code, w.Body)
	}
}
