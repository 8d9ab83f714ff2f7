package server_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/server"
	"github.com/slipway-cd/slipway/internal/server/auth"
	"github.com/slipway-cd/slipway/internal/state/store"
	"github.com/slipway-cd/slipway/internal/state/wake"
)

// A token that was revoked is over for what it has open, and that does not look
// like the end.
func TestAStreamEndsWithItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "slipway.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		a := auth.NewAuth(s)
		token, err := a.AddUser(t.Context(), slipway.System, slipway.User{Name: "vic", Role: slipway.Viewer})
		if err != nil {
			t.Fatal(err)
		}
		api := server.New(server.Config{Auth: a, Store: s, Waker: wake.New(), Log: slog.New(slog.DiscardHandler)}).Handler()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/events?follow=true", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		ended := make(chan any)
		go func() {
			defer func() { ended <- recover() }()
			api.ServeHTTP(httptest.NewRecorder(), r)
		}()
		time.Sleep(time.Minute)
		select {
		case <-ended:
			t.Fatal("it ended by itself")
		default:
		}
		if err := s.RevokeToken(t.Context(), auth.Hash(token)); err != nil {
			t.Fatal(err)
		}
		revoked := time.Now()
		if how := <-ended; how != http.ErrAbortHandler { //nolint:errorlint // what was thrown
			t.Errorf("it ended with %v", how)
		}
		if d := time.Since(revoked); d > 10*time.Second {
			t.Errorf("it went on for %s", d)
		}
	})
}
