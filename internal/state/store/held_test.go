package store_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/store"
	"github.com/slipway-cd/slipway/internal/state/store/storetest"
)

// TestServersOfOnePlaceHaveTheDatabase: others are refused while one of them
// lives, and have it when they are gone.
func TestServersOfOnePlaceHaveTheDatabase(t *testing.T) {
	url := storetest.Postgres(t)
	open := func() *store.Store { return openAt(t, url) }
	first, second, beside := open(), open(), open()
	defer func() { _ = second.Close() }()
	held, err := first.Hold(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var keeping sync.WaitGroup
	keeping.Go(func() {
		if err := held.Keep(ctx); err != nil {
			t.Error(err)
		}
	})
	too, err := beside.Hold(t.Context(), "a")
	if err != nil {
		t.Errorf("one of the same place is told %v", err)
	}
	another := openAt(t, storetest.Postgres(t))
	defer func() { _ = another.Close() }()
	if _, err := another.Hold(t.Context(), "b"); err != nil {
		t.Errorf("another installation on the same database is told %v", err)
	}
	if _, err := second.Hold(t.Context(), "b"); slipway.CodeOf(err) != slipway.Conflict {
		t.Errorf("a second server is told %v", err)
	}
	soon, done := context.WithTimeout(t.Context(), 20*time.Second)
	defer done()
	cancel()
	keeping.Wait()
	_ = first.Close()
	if _, err := second.Hold(t.Context(), "b"); slipway.CodeOf(err) != slipway.Conflict {
		t.Errorf("while one of them is left, a server elsewhere is told %v", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := too.Keep(ended); err != nil {
		t.Error(err)
	}
	_ = beside.Close()
	if _, err := second.Hold(soon, "b"); err != nil {
		t.Error(err)
	}
}

func openAt(t *testing.T, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
