package store

import (
	"context"
	"database/sql"
	"strings"

	"github.com/slipway-cd/slipway"
)

// Snapshot copies the database that url names into file, which must not be
// there yet, as of one moment, while others go on writing.
//
// It returns Invalid for PostgreSQL, which has its own tools for this.
func Snapshot(ctx context.Context, url, file string) error {
	path, ok := strings.CutPrefix(url, "sqlite:")
	if !ok {
		return slipway.Errorf(slipway.Invalid, "the database is not a file that could be copied").
			Do("back up PostgreSQL with pg_dump, at a moment when nothing is deployed")
	}
	db, err := sql.Open("sqlite", sqliteDSN(path, "_pragma", "temp_store(2)"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(ctx, `VACUUM INTO $1`, file); err != nil {
		e := sqliteEngine
		e.name = "the database file " + path
		return (&Store{engine: e}).fail(err, "copy the database")
	}
	return nil
}

// Restored tells a database that it was restored: what has happened since the
// backup is not known here. The epoch rises, so that whoever acted since is
// refused; deployments are numbered on from a distance; leases end, and routers
// register anew. Routes stay until they are planned anew: what they lead to may
// serve on.
func (s *Store) Restored(ctx context.Context) error {
	return s.write(ctx, "note that the database was restored", func(ctx context.Context, t *tx) error {
		for _, statement := range []string{
			`UPDATE counters SET value = value + 1 WHERE name = 'epoch'`,
			// Groups and tasks are named after deployments: one that was made after
			// the backup may still run, and its number is not given again.
			`UPDATE counters SET value = value + 1000 WHERE name = 'deployment'`,
			`UPDATE targets SET owned_until = 0`,
			`DELETE FROM routers`,
		} {
			if _, err := t.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}
