package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func backends(t *testing.T, code int) *frontend {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `[{"id":"u1","name":"Mei"},{"id":"u2","name":"Jon"}]`)
	})
	mux.HandleFunc("GET /thoughts", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		fmt.Fprint(w, `[{"author":"Mei","text":"1 < 2"}]`)
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	f := fromEnv()
	f.users, f.thoughts = srv.URL, srv.URL
	return f
}

func get(f *frontend, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	f.routes().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w
}

func TestPage(t *testing.T) {
	w := get(backends(t, 200), "/")
	for _, want := range []string{"Thoughts of 2 people", "1 &lt; 2 <cite>Mei</cite>", "frontend " + version} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the page lacks %q:\n%s", want, w.Body)
		}
	}
}

func TestBackendIsAway(t *testing.T) {
	if w := get(backends(t, 503), "/"); w.Code != 502 {
		t.Errorf("GET /: %d, want 502", w.Code)
	}
}

func TestProbes(t *testing.T) {
	for _, path := range []string{"/readyz", "/healthz", "/version"} {
		if w := get(fromEnv(), path); w.Code != 200 {
			t.Errorf("GET %s: %d, want 200", path, w.Code)
		}
	}
}
