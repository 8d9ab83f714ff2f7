package storetest

import (
	"path/filepath"
	"testing"

	"github.com/slipway-cd/slipway/internal/state/store"
)

// SQLite makes an empty database for a test.
func SQLite(t testing.TB) (url string) {
	return "sqlite:" + filepath.Join(t.TempDir(), "slipway.db")
}

// Open opens an empty SQLite database for a test, and closes it with it.
func Open(t testing.TB) *store.Store {
	t.Helper()
	return open(t, SQLite(t))
}
