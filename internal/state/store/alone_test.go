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

// TestOneServerHasTheDatabase: a second is refused while the first lives, and
// has it when the first is gone.
func TestOneServerHasTheDatabase(t *testing.T) {
	url := storetest.Postgres(t)
	open := func() *store.Store {
		s, err := store.Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first, second := open(), open()
	defer func() { _ = second.Close() }()
	held, err := first.HoldAlone(t.Context())
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
	if _, err := second.HoldAlone(t.Context()); slipway.CodeOf(err) != slipway.Conflict {
		t.Errorf("a second server is told %v", err)
	}
	soon, done := context.WithTimeout(t.Context(), 20*time.Second)
	defer done()
	cancel()
	keeping.Wait()
	_ = first.Close()
	if _, err := second.HoldAlone(soon); err != nil {
		t.Error(err)
	}
}
