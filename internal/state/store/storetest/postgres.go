package storetest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of the databases below
)

const variable = "SLIPWAY_TEST_POSTGRES"

// Postgres makes an empty database for a test and drops it at its end. Without
// a server it skips, except in CI, where nothing may.
func Postgres(t testing.TB) string {
	t.Helper()
	server := os.Getenv(variable)
	switch {
	case server == "" && os.Getenv("CI") == "true":
		t.Fatalf("%s is not set: run dev/setup and read .slipway/dev.env", variable)
	case server == "":
		t.Skipf("%s is not set: dev/setup starts PostgreSQL", variable)
	}
	name := "slipway_test_" + strings.ToLower(rand.Text())
	// A collation that is not bytes, to see that order does not depend on it.
	administer(t, server, `CREATE DATABASE `+name+` TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C.UTF-8'`)
	t.Cleanup(func() { administer(t, server, `DROP DATABASE `+name+` WITH (FORCE)`) })
	u, err := url.Parse(server)
	ok(t, err)
	u.Path = "/" + name
	return u.String()
}

func administer(t testing.TB, server, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", server)
	ok(t, err)
	defer db.Close() //nolint:errcheck // nothing is written through it later
	_, err = db.ExecContext(context.WithoutCancel(t.Context()), statement)
	ok(t, err)
}
