package store_test

import (
	"testing"

	"github.com/slipway-cd/slipway/internal/state/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func TestSQLite(t *testing.T) { storetest.Run(t, storetest.SQLite) }

func TestPostgres(t *testing.T) {
	storetest.Postgres(t) // skips all at once
	storetest.Run(t, storetest.Postgres)
}
