package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/slipway-cd/slipway"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date.
func (s *Store) migrate(ctx context.Context) error {
	const doing = "bring its schema up to date"
	unlock, err := s.engine.lockSchema(ctx, s.writing)
	if err != nil {
		return s.fail(err, doing)
	}
	defer unlock()

	p, err := s.migrator()
	if err != nil {
		return s.fail(err, doing)
	}
	current, known, err := p.GetVersions(ctx)
	if err != nil {
		return s.fail(err, doing)
	}
	if current > known {
		return slipway.Errorf(slipway.Conflict, "the database was written by a newer Slipway (schema %d, this binary knows %d)", current, known).
			Do("Start the newer Slipway again, or restore a backup from before the upgrade.")
	}
	_, err = p.Up(ctx)
	return s.fail(unwrapPartial(err), doing)
}

func (s *Store) migrator() (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.Dialect(s.engine.dialect), s.writing, files,
		goose.WithLogger(goose.NopLogger()),
		goose.WithDisableGlobalRegistry(true),
		goose.WithGoMigrations(s.prelude()))
}

// prelude is the first migration: what one engine needs before both can read
// the same text.
func (s *Store) prelude() *goose.Migration {
	run := func(ctx context.Context, tx *sql.Tx) error {
		if s.engine.prelude == "" {
			return nil
		}
		_, err := tx.ExecContext(ctx, s.engine.prelude)
		return err
	}
	return goose.NewGoMigration(1, &goose.GoFunc{RunTx: run}, nil)
}

func unwrapPartial(err error) error {
	if p, ok := errors.AsType[*goose.PartialError](err); ok {
		return p.Err
	}
	return err
}
