package storetest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of the databases below
)

const variable = "SLIPWAY_TEST_POSTGRES"

// Postgres makes an empty schema for a test, in the database of this process,
// and drops it at the test's end. Without a server it skips, except in CI, where
// nothing may.
func Postgres(t testing.TB) string {
	t.Helper()
	server := os.Getenv(variable)
	switch {
	case server == "" && os.Getenv("CI") == "true":
		t.Fatalf("%s is not set: run dev/setup and read .slipway/dev.env", variable)
	case server == "":
		t.Skipf("%s is not set: dev/setup starts PostgreSQL", variable)
	}
	u, err := database()
	ok(t, err)
	name := "test_" + strings.ToLower(rand.Text())
	ok(t, administer(u.String(), `CREATE SCHEMA `+name))
	t.Cleanup(func() { ok(t, administer(u.String(), `DROP SCHEMA `+name+` CASCADE`)) })
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String()
}

// database is the one database of this process: making one takes a second. Its
// collation is not that of bytes, to see that order does not depend on it.
var database = sync.OnceValues(func() (url.URL, error) {
	server := os.Getenv(variable)
	name := "slipway_test_" + strings.ToLower(rand.Text())
	err := administer(server, `CREATE DATABASE `+name+` TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C.UTF-8'`)
	if err != nil {
		return url.URL{}, err
	}
	dropDatabase = func() { _ = administer(server, `DROP DATABASE `+name+` WITH (FORCE)`) }
	u, err := url.Parse(server)
	if err != nil {
		return url.URL{}, err
	}
	u.Path = "/" + name
	return *u, nil
})

// dropDatabase drops what database made; Main calls it when all tests are over.
var dropDatabase = func() {}

func administer(server, statement string) error {
	db, err := sql.Open("pgx", server)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(context.Background(), statement)
	return err
}
