package store

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/slipway-cd/slipway"
)

const postgresConns = 10

// schemaLock is the advisory lock of whoever migrates: "slipway", as a number.
const schemaLock = 0x736c6970776179

// installation is the key of the advisory locks by which servers say where they
// are: of this schema, for several installations may share a database.
const installation = `hashtext('slipway ' || coalesce(current_schema(), ''))`

var postgresEngine = engine{
	name:    "the PostgreSQL database",
	dialect: "postgres",
	hold:    `SELECT pg_advisory_lock_shared(` + installation + `, $1)`,
	elsewhere: `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2
		AND classid = (` + installation + `)::bigint & 4294967295 AND objid <> $1
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
	now:       `CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)`,
	forUpdate: ` FOR UPDATE`,
	prelude:   `CREATE DOMAIN bytetext AS TEXT COLLATE "C"`,
	// Rows that a write depends on are locked; a stricter default of the
	// server would only make for more retries.
	txOptions:  sql.TxOptions{Isolation: sql.LevelReadCommitted},
	classify:   classifyPostgres,
	lockSchema: lockPostgresSchema,
	begun:      postgresTransaction,
	committed:  postgresCommitted,
}

func openPostgres(ctx context.Context, url string) (*Store, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		// The cause may quote the URL, and so a password: it is dropped.
		return nil, slipway.Errorf(slipway.Invalid, "the database URL is not one that PostgreSQL understands").
			Do("Write postgres://user@host:5432/name.")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "slipway"
	}
	db := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(settlePostgres))
	db.SetMaxOpenConns(postgresConns)
	db.SetMaxIdleConns(postgresConns)
	s := &Store{engine: postgresEngine, writing: db, reading: db, dial: config}
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(s.fail(err, "let us in"), db.Close())
	}
	return s, nil
}

// settlePostgres bounds what a lost server can leave behind, and keeps a
// server-wide synchronous_commit = off from making commits that a crash undoes.
func settlePostgres(ctx context.Context, c *pgx.Conn) error {
	_, err := c.Exec(ctx, `SELECT
		set_config('lock_timeout', '10s', false),
		set_config('statement_timeout', '30s', false),
		set_config('idle_in_transaction_session_timeout', '30s', false),
		CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', false) END`)
	return err
}

func lockPostgresSchema(ctx context.Context, db *sql.DB) (unlock func(), err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	for {
		var got bool
		if err := conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock($1)`, int64(schemaLock)).Scan(&got); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		if got {
			break
		}
		select { // another server migrates
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), conn.Close())
		}
	}
	return func() {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, int64(schemaLock))
		_ = conn.Close() // and with it the lock, whatever came before
	}, nil
}

func postgresTransaction(ctx context.Context, tx *sql.Tx) (name string, err error) {
	return name, tx.QueryRowContext(ctx, `SELECT CAST(pg_current_xact_id() AS TEXT)`).Scan(&name)
}

// postgresCommitted asks until the server knows: it may be restarting, or may
// not have noticed yet that the connection is gone.
func postgresCommitted(ctx context.Context, db *sql.DB, name string) (bool, error) {
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		var status sql.NullString
		err := db.QueryRowContext(ctx, `SELECT pg_xact_status(CAST($1 AS xid8))`, name).Scan(&status)
		switch {
		case err == nil && status.String == "committed":
			return true, nil
		case err == nil && status.String == "aborted":
			return false, nil
		case err == nil && !status.Valid:
			return false, errors.New("the transaction is too old to be remembered")
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return false, errors.Join(ctx.Err(), err)
		}
	}
}

func classifyPostgres(err error) *cause {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return classifyCode(e.Code)
	}
	unreachable := &cause{code: slipway.Unavailable, message: "@ cannot be reached",
		next: "Look whether it runs, and at the URL given with --database."}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return unreachable
	}
	if e, ok := errors.AsType[net.Error](err); ok && !errors.Is(e, context.DeadlineExceeded) || pgconn.SafeToRetry(err) {
		return unreachable
	}
	return nil
}

// classifyCode knows PostgreSQL's SQLSTATEs.
func classifyCode(code string) *cause {
	switch code {
	case "23505": // unique_violation
		return &cause{duplicate: true}
	case "40001", "40P01": // serialization_failure, deadlock_detected
		return &cause{code: slipway.Unavailable, again: true, message: "@ has too many writers in each other's way", next: "Try again."}
	case "22021": // character_not_in_repertoire
		return &cause{code: slipway.Invalid, message: "names are UTF-8 without NUL"}
	case "53100": // disk_full
		return &cause{code: slipway.Unavailable, message: diskFull, next: diskFullNext}
	case "55P03", "57014": // lock_not_available, query_canceled
		return &cause{code: slipway.Unavailable, message: "@ did not answer in time", next: "Try again."}
	case "28P01", "28000", "3D000": // invalid_password, invalid_authorization_specification, invalid_catalog_name
		return &cause{code: slipway.Unavailable, message: "@ does not let us in", next: "Look at the user, password and name in the URL given with --database."}
	}
	switch {
	case strings.HasPrefix(code, "08"), strings.HasPrefix(code, "53"), strings.HasPrefix(code, "57P"):
		return &cause{code: slipway.Unavailable, message: "@ cannot be reached", next: "Look whether it runs, and at its log."}
	case strings.HasPrefix(code, "XX"):
		return &cause{code: slipway.Internal, message: "@ is damaged", next: "Look at PostgreSQL's log; restore a backup."}
	}
	return nil
}
