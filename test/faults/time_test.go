package faults_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/slipway-cd/slipway/test/faults/yard"
)

// TestTimeTravel restores the database of an hour ago while what was deployed
// since serves on. The epoch differs, what has happened since is found and
// reconciled, and nobody who asks loses anything.
func TestTimeTravel(t *testing.T) {
	t.Parallel()
	w := raise(t, yard.Options{})
	w.publish(yard.Version{Service: "gauge"}, yard.Version{Service: "gauge"})
	w.deploy("gauge", 1)
	w.press("gauge")
	for range times(2) {
		aside := t.TempDir()
		backup := filepath.Join(aside, "backup.tar")
		_, err := w.Do(t.Context(), aside, w.Slipway, "backup", backup)
		w.must(err)
		w.deploy("gauge", 2)
		w.deploy("gauge", 1)
		w.deploy("gauge", 2)

		w.must(w.Leave())
		past := filepath.Join(aside, "past")
		if out, err := w.DoOn(t.Context(), past, "restore", backup); err != nil {
			t.Fatal(err, out)
		}
		database := filepath.Join(w.Data, "slipway.db")
		for _, suffix := range []string{"-wal", "-shm"} {
			w.must(os.RemoveAll(database + suffix))
		}
		w.must(os.Rename(filepath.Join(past, "slipway.db"), database))
		w.must(w.Up(t.Context()))
		w.serves("gauge", 1)
		w.owned(3)
		w.deploy("gauge", 2)
		w.deploy("gauge", 1)
		w.owned(3)
	}
	w.note("%d journeys", times(2))
}

// TestLostCommit has the answers to COMMITs get lost on their way from
// PostgreSQL, so that nobody knows whether they were committed.
func TestLostCommit(t *testing.T) {
	t.Parallel()
	address := postgres(t)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	wire, err := yard.Lay(u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(wire.End)
	u.Host = wire.Address()
	w := raise(t, yard.Options{Database: u.String()})
	w.publish(yard.Version{Service: "gauge"}, yard.Version{Service: "gauge"})
	w.deploy("gauge", 1)
	w.press("gauge")
	wire.LoseCommits(4)
	for n := range times(4) {
		w.deploy("gauge", 2-n%2)
		w.owned(3)
	}
	wire.LoseCommits(0)
	if wire.Lost() == 0 {
		t.Error("no COMMIT was lost")
	}
	w.note("%d COMMITs lost", wire.Lost())
}

// postgres makes a database of its own, and removes it after the test.
func postgres(t *testing.T) string {
	t.Helper()
	address := os.Getenv("SLIPWAY_TEST_POSTGRES")
	if address == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("SLIPWAY_TEST_POSTGRES names no PostgreSQL: run dev/setup")
		}
		t.Skip("SLIPWAY_TEST_POSTGRES names no PostgreSQL")
	}
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	name := "faults_" + strings.ToLower(rand.Text()[:10])
	if _, err := db.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if _, err := db.ExecContext(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
		_ = db.Close()
	})
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}
