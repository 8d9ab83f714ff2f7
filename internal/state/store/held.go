package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/slipway-cd/slipway"
)

const (
	heldWithin = 5 * time.Second // for the connection of a predecessor to be found closed
	heldEvery  = 5 * time.Second // between two looks whether the lock is still ours
)

// Held says that the servers of one place have the database: those that share a
// data directory, and so its repositories, images and instances. A server of
// another place would see none of them, and start them again. SQLite files lie
// in a data directory, which is locked already.
type Held struct {
	store *Store
	place int32
	conn  *sql.Conn
}

// Hold says that this server is at place. It returns Conflict when a server of
// another place has the database.
func (s *Store) Hold(ctx context.Context, place string) (*Held, error) {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(place))
	h := &Held{store: s, place: int32(sum.Sum32() & 0x7fffffff)}
	if s.engine.hold == "" {
		return h, nil
	}
	return h, h.take(ctx)
}

func (h *Held) take(ctx context.Context) error {
	for deadline := time.Now().Add(heldWithin); ; {
		others, err := h.try(ctx)
		if err == nil && others == 0 {
			return nil
		}
		h.release()
		switch {
		case err != nil:
			return h.store.fail(err, "be taken")
		case time.Now().After(deadline):
			return slipway.Errorf(slipway.Conflict, "a server with another data directory has %s, and what it deploys", h.store.engine.name).
				Do("End it first, give this one its data directory, or a database of its own.")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50*time.Millisecond + rand.N(100*time.Millisecond)): // two that come at once see each other
		}
	}
}

// try says where we are, and counts those who are elsewhere.
func (h *Held) try(ctx context.Context) (others int, err error) {
	if h.conn, err = h.store.writing.Conn(ctx); err != nil {
		return 0, err
	}
	if _, err := h.conn.ExecContext(ctx, h.store.engine.hold, h.place); err != nil {
		return 0, err
	}
	err = h.conn.QueryRowContext(ctx, h.store.engine.elsewhere, h.place).Scan(&others)
	return others, err
}

// Keep sees to it that the lock stays ours until ctx ends, over restarts of the
// database too. It returns Conflict when a server of another place has taken the
// database.
func (h *Held) Keep(ctx context.Context) error {
	defer h.release()
	every := time.NewTicker(heldEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		}
		if h.store.engine.hold == "" || h.conn != nil && h.conn.PingContext(ctx) == nil {
			continue
		}
		h.release()
		if err := h.take(ctx); slipway.CodeOf(err) == slipway.Conflict {
			return err
		}
	}
}

func (h *Held) release() {
	if h.conn == nil {
		return
	}
	// A pooled connection would keep the lock: this one is not used again.
	_ = h.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = h.conn.Close()
	h.conn = nil
}
