package main

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRoutes(t *testing.T) {
	tests := []struct {
		path string
		code int
		body string
	}{
		{"/readyz", 200, "ok\n"},
		{"/healthz", 200, "ok\n"},
		{"/version", 200, version + "\n"},
		{"/users/u2", 200, `{"id":"u2","name":"Jon"}` + "\n"},
		{"/users/u9", 404, "no such user\n"},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			w := httptest.NewRecorder()
			answered(routes()).ServeHTTP(w, httptest.NewRequest("GET", tt.path, nil))
			if w.Code != tt.code || w.Body.String() != tt.body {
				t.Errorf("GET %s: %d %q, want %d %q", tt.path, w.Code, w.Body, tt.code, tt.body)
			}
			if got := w.Header().Get("Served-By"); got != name+"/"+version {
				t.Errorf("Served-By: %q", got)
			}
		})
	}
}

func TestEveryUserIsListed(t *testing.T) {
	w := httptest.NewRecorder()
	routes().ServeHTTP(w, httptest.NewRequest("GET", "/users", nil))
	for _, u := range users {
		if !strings.Contains(w.Body.String(), u.Name) {
			t.Errorf("GET /users does not name %s: %s", u.Name, w.Body)
		}
	}
}
