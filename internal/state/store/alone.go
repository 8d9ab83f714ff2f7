package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"time"

	"github.com/slipway-cd/slipway"
)

const (
	// aloneKey is the advisory lock that a server holds whose driver runs
	// instances on its own machine: the bytes of "slip one".
	aloneKey = 0x736c6970206f6e65

	aloneWithin = 5 * time.Second // for the connection of a predecessor to be found closed
	aloneEvery  = 5 * time.Second // between two looks whether the lock is still ours
)

// Alone is held by the one server whose driver runs instances on its own
// machine. A second one with a machine of its own would see none of them, and
// start them again. SQLite files lie in a data directory, which is locked
// already.
type Alone struct {
	store *Store
	conn  *sql.Conn
}

// HoldAlone takes the lock. It returns Conflict when another server has it.
func (s *Store) HoldAlone(ctx context.Context) (*Alone, error) {
	a := &Alone{store: s}
	if s.engine.tryAlone == "" {
		return a, nil
	}
	return a, a.take(ctx)
}

func (a *Alone) take(ctx context.Context) error {
	for deadline := time.Now().Add(aloneWithin); ; {
		conn, err := a.store.writing.Conn(ctx)
		if err != nil {
			return a.store.fail(err, "be taken")
		}
		var ours bool
		err = conn.QueryRowContext(ctx, a.store.engine.tryAlone, int64(aloneKey)).Scan(&ours)
		if err == nil && ours {
			a.conn = conn
			return nil
		}
		_ = conn.Close()
		switch {
		case err != nil:
			return a.store.fail(err, "be taken")
		case time.Now().After(deadline):
			return slipway.Errorf(slipway.Conflict, "another server has %s, and runs instances on its own machine", a.store.engine.name).
				Do("End it first, or give this one a database of its own.")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Keep sees to it that the lock stays ours until ctx ends, over restarts of the
// database too. It returns Conflict when another server has taken it.
func (a *Alone) Keep(ctx context.Context) error {
	defer a.release()
	every := time.NewTicker(aloneEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		}
		if a.store.engine.tryAlone == "" || a.conn != nil && a.conn.PingContext(ctx) == nil {
			continue
		}
		a.release()
		if err := a.take(ctx); slipway.CodeOf(err) == slipway.Conflict {
			return err
		}
	}
}

func (a *Alone) release() {
	if a.conn == nil {
		return
	}
	// A pooled connection would keep the lock: this one is not used again.
	_ = a.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = a.conn.Close()
	a.conn = nil
}
