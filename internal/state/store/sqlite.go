package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/slipway-cd/slipway"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var sqliteEngine = engine{
	name:     "SQLite",
	dialect:  "sqlite3",
	now:      `CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000`,
	classify: classifySQLite,
	check:    checkSQLite,
}

// SQLite has one writer at a time anyway: giving it one connection makes the
// others wait in order, instead of polling a lock file.
const sqliteReaders = 4

func openSQLite(path string) (*Store, error) {
	if !filepath.IsAbs(path) {
		return nil, slipway.Errorf(slipway.Invalid, "the path of the SQLite database is not absolute: %q", path).
			Do("Write sqlite:/absolute/path.db.")
	}
	if err := createPrivate(path); err != nil {
		e := slipway.Errorf(slipway.Unavailable, "the database file %s cannot be opened", path)
		e.Err = err
		if isFull(err) {
			e.Message = diskFull
		}
		return nil, e
	}
	engine := sqliteEngine
	engine.name = "the database file " + path
	engine.lockSchema = func(ctx context.Context, _ *sql.DB) (func(), error) {
		return lockSQLiteSchema(ctx, filepath.Dir(path))
	}
	engine.renew = func(ctx context.Context, db *sql.DB) error {
		return renewSQLite(ctx, db, filepath.Dir(path))
	}

	// Pragmas are in the DSN because Exec would reach one connection only.
	writing, err := sql.Open("sqlite", sqliteDSN(path, "_txlock", "immediate"))
	if err != nil {
		return nil, err
	}
	writing.SetMaxOpenConns(1)
	reading, err := sql.Open("sqlite", sqliteDSN(path, "_pragma", "query_only(1)"))
	if err != nil {
		return nil, errors.Join(err, writing.Close())
	}
	reading.SetMaxOpenConns(sqliteReaders)
	reading.SetMaxIdleConns(sqliteReaders)
	s := &Store{engine: engine, writing: writing, reading: reading}
	s.failures.Store(1) // the disk may have failed before this process
	return s, nil
}

func sqliteDSN(path, key, value string) string {
	q := url.Values{"_pragma": {
		"busy_timeout(5000)", // first: setting the journal mode may wait as well
		"journal_mode(WAL)",
		"synchronous(FULL)",
		"foreign_keys(1)",
	}}
	q.Add(key, value)
	return (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()
}

// createPrivate makes an empty file that only its owner may read, and sees to
// it that its name survives a power failure.
func createPrivate(path string) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	return dir.Sync()
}

// errDamaged is what SQLite finds when it looks; mostly it stumbles.
var errDamaged = errors.New("quick_check has found damage")

// checkSQLite reads the whole file once: damage that is found later is found
// half-way through something.
func checkSQLite(ctx context.Context, db *sql.DB) error {
	var finding string
	if err := db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&finding); err != nil {
		return err
	}
	if finding != "ok" {
		return fmt.Errorf("%w: %s", errDamaged, finding)
	}
	return nil
}

var (
	errStillRead = errors.New("the log of writes is still read")
	errFailing   = errors.New("the disk fails")
)

// renewSQLite empties the log of writes into the database file. Its next pages
// are new ones. To do so while the disk fails would spoil the file, too.
func renewSQLite(ctx context.Context, db *sql.DB, dir string) error {
	if err := tryDisk(dir); err != nil {
		return fmt.Errorf("%w: %w", errFailing, err)
	}
	var stillRead bool
	var pages, moved int
	err := db.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&stillRead, &pages, &moved)
	if err == nil && stillRead {
		err = errStillRead
	}
	return err
}

// tryDisk writes something durably.
func tryDisk(dir string) error {
	f, err := os.CreateTemp(dir, ".disk-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(make([]byte, 4096))
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func classifySQLite(err error) *cause {
	damaged := &cause{code: slipway.Internal, message: "@ is damaged or is not a SQLite database",
		next: "Nothing was changed. Make a new data directory of a backup: slipway restore FILE --data DIR"}
	if errors.Is(err, errDamaged) {
		return damaged
	}
	failed := &cause{code: slipway.Unavailable, message: "the disk under @ has failed to read or write",
		next: "Look at the kernel's log (dmesg) and at the space left on the disk."}
	switch {
	case errors.Is(err, errStillRead), errors.Is(err, errDoubted):
		failed.again = true
		return failed
	case errors.Is(err, errFailing):
		return failed
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return nil
	}
	switch e.Code() & 0xff { // the rest are details
	case sqlite3.SQLITE_FULL:
		return &cause{code: slipway.Unavailable, message: diskFull, next: diskFullNext}
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return &cause{code: slipway.Unavailable, message: "the database is in use by another process",
			next: "Try again; if it stays so, look who else has the file open."}
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return damaged
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return &cause{code: slipway.Unavailable, message: "@ cannot be written",
			next: "Look at who owns the file and its directory."}
	case sqlite3.SQLITE_IOERR:
		failed.doubted = true
		return failed
	case sqlite3.SQLITE_CONSTRAINT:
		return &cause{duplicate: strings.Contains(e.Error(), "UNIQUE")}
	}
	return nil
}

// lockSQLiteSchema makes those who open one new file at a time migrate it one
// after the other. The lock is on the directory: to open the file itself and
// close it again would drop the locks that SQLite holds on it.
func lockSQLiteSchema(ctx context.Context, dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil // and with it the lock
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(err, f.Close())
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), f.Close())
		}
	}
}
