package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/slipway-cd/slipway"
)

// Store is an open database. Its methods may be called from many goroutines.
type Store struct {
	// OnEvents is called with the events of each write, after its commit. It
	// must return quickly. Set it before the store is shared.
	OnEvents func([]slipway.Event)

	engine  engine
	writing *sql.DB
	reading *sql.DB         // the same as writing on PostgreSQL
	dial    *pgx.ConnConfig // of PostgreSQL
	epoch   uint64

	failures, renewed atomic.Int64 // of the disk: how many there were, and how many renew has seen
}

// engine is where SQLite and PostgreSQL differ.
type engine struct {
	name      string             // what to call it in messages
	dialect   string             // goose's name for it
	now       string             // expression: microseconds since 1970, as the database sees the clock
	forUpdate string             // suffix of a SELECT that locks the rows it finds
	prelude   string             // statement before the first migration, or ""
	txOptions sql.TxOptions      // of writes
	classify  func(error) *cause // what is known of an error of its driver, or nil

	check      func(context.Context, *sql.DB) error                      // that what is there is sound; may be nil
	lockSchema func(context.Context, *sql.DB) (unlock func(), err error) // one server at a time migrates

	// hold says that the connection is at place $1, elsewhere counts those that are
	// at another; "" where one process at most can have the database.
	hold, elsewhere string

	// renew has what is written next go to places of the disk that were not
	// written before. Once the disk has failed, a file system may take writes to
	// the old ones, say that they are durable, and know nothing of them after a
	// power cut. Nil where the database sees to that.
	renew func(context.Context, *sql.DB) error

	// A COMMIT's answer can be lost with the connection. begun names the
	// transaction, committed says later what became of it. Nil where an error
	// of COMMIT always means that nothing was written.
	begun     func(context.Context, *sql.Tx) (string, error)
	committed func(ctx context.Context, db *sql.DB, name string) (bool, error)
}

// Open opens the database that url names: "sqlite:/absolute/path.db", which is
// made when missing, or "postgres://…". It brings an older schema up to date.
//
// It returns Invalid for a url it does not understand, Conflict when the
// database was written by a newer Slipway, Internal when the file is damaged
// and Unavailable when the database cannot be reached.
func Open(ctx context.Context, url string) (*Store, error) {
	s, err := connect(ctx, url)
	if err != nil {
		return nil, err
	}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func connect(ctx context.Context, url string) (*Store, error) {
	scheme, rest, _ := strings.Cut(url, ":")
	switch scheme {
	case "sqlite":
		return openSQLite(rest)
	case "postgres", "postgresql":
		return openPostgres(ctx, url)
	}
	// The URL may hold a password: it is not repeated.
	return nil, slipway.Errorf(slipway.Invalid, "the database URL begins with neither sqlite: nor postgres:").
		Do("Write sqlite:/absolute/path.db or postgres://user@host/name.")
}

func (s *Store) prepare(ctx context.Context) error {
	if s.engine.check != nil {
		if err := s.engine.check(ctx, s.reading); err != nil {
			return s.fail(err, "be checked")
		}
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	err := s.reading.QueryRowContext(ctx, `SELECT value FROM counters WHERE name = 'epoch'`).Scan(&s.epoch)
	return s.fail(err, "read its epoch")
}

// Close ends all connections. Writes under way fail.
func (s *Store) Close() error {
	if s.reading == s.writing {
		return s.writing.Close()
	}
	return errors.Join(s.reading.Close(), s.writing.Close())
}

// Epoch changes when the database was restored from a backup. It was read when
// the store was opened; every write that is fenced checks it again.
func (s *Store) Epoch() uint64 { return s.epoch }

// Now is the time by the database's clock, which leases go by.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	var us int64
	err := s.reading.QueryRowContext(ctx, `SELECT `+s.engine.now).Scan(&us)
	return fromMicros(us), s.fail(err, "read the clock")
}

func toMicros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
