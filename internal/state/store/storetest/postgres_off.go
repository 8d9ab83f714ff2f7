//go:build !postgres

package storetest

import "testing"

// Postgres skips: this binary was built without it.
func Postgres(t testing.TB) (url string) {
	t.Helper()
	t.Skip("PostgreSQL is not in this binary: build it with -tags postgres")
	return ""
}
