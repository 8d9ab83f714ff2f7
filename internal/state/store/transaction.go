package store

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/slipway-cd/slipway"
)

const (
	writeTries   = 6
	settleWithin = 15 * time.Second // to learn what became of a COMMIT
)

// tx is one write. What it records is appended to the events at its end.
type tx struct {
	*sql.Tx
	store  *Store
	events []slipway.Event
}

func (t *tx) record(events ...slipway.Event) { t.events = append(t.events, events...) }

// errUnchanged ends a write that has found nothing to do.
var errUnchanged = errors.New("nothing to write")

// write runs fn and what it recorded as one transaction. It may run fn several
// times, when the database asks for it: fn starts from nothing each time.
func (s *Store) write(ctx context.Context, doing string, fn func(context.Context, *tx) error) error {
	var events []slipway.Event
	err := s.again(ctx, func() (err error) {
		if err = s.renew(ctx); err == nil {
			events, err = s.writeOnce(ctx, fn)
		}
		s.doubt(err)
		return err
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	if err != nil {
		return s.fail(err, doing)
	}
	if len(events) > 0 && s.OnEvents != nil {
		s.OnEvents(events)
	}
	return nil
}

// again repeats do while the database says that it may work next time.
func (s *Store) again(ctx context.Context, do func() error) error {
	for try := 1; ; try++ {
		err := do()
		if err == nil || try == writeTries || ctx.Err() != nil {
			return err
		}
		if c := s.engine.classify(err); c == nil || !c.again {
			return err
		}
		wait := time.Duration(rand.Int64N(int64(time.Millisecond) << (2 * try))) // up to 4 ms … 1 s
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return err
		}
	}
}

func (s *Store) writeOnce(ctx context.Context, fn func(context.Context, *tx) error) ([]slipway.Event, error) {
	sqlTx, err := s.writing.BeginTx(ctx, &s.engine.txOptions)
	if err != nil {
		return nil, err
	}
	defer sqlTx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back, else nothing to keep
	name := ""
	if s.engine.begun != nil {
		if name, err = s.engine.begun(ctx, sqlTx); err != nil {
			return nil, err
		}
	}
	t := &tx{Tx: sqlTx, store: s}
	if err := fn(ctx, t); err != nil {
		return nil, err
	}
	if err := t.appendEvents(ctx); err != nil {
		return nil, err
	}
	if s.isDoubted() {
		return nil, errDoubted // the one before has failed while this one waited for it
	}
	return t.events, s.commit(ctx, sqlTx, name)
}

// errDoubted says that a transaction has to wait until the disk is trusted.
var errDoubted = errors.New("the disk has failed since this write began")

// doubt takes note of a failure of the disk.
func (s *Store) doubt(err error) {
	if err == nil {
		return
	}
	if c := s.engine.classify(err); c != nil && c.doubted {
		s.failures.Add(1)
	}
}

// isDoubted reports whether the disk may not keep what is written next.
func (s *Store) isDoubted() bool { return s.failures.Load() != s.renewed.Load() }

// renew makes the disk one to be trusted, if it is not.
func (s *Store) renew(ctx context.Context) error {
	if !s.isDoubted() {
		return nil
	}
	seen := s.failures.Load()
	if err := s.engine.renew(ctx, s.writing); err != nil {
		return err
	}
	s.renewed.Store(seen)
	return nil
}

// commit commits. When the answer is lost with the connection, it asks the
// database what became of the transaction, even if ctx has ended: who acts
// after a commit must know whether there was one.
func (s *Store) commit(ctx context.Context, sqlTx *sql.Tx, name string) error {
	err := sqlTx.Commit()
	if err == nil || s.engine.committed == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleWithin)
	defer cancel()
	committed, lost := s.engine.committed(ctx, s.writing, name)
	switch {
	case lost != nil:
		return &slipway.Error{Code: slipway.Unavailable, Err: errors.Join(err, lost),
			Message: "the database was lost during a commit: whether it was kept is not known",
			Next:    "Look at the state before you try again."}
	case committed:
		return nil
	}
	return err
}

// next counts one up, and keeps others from the next number until this
// transaction ends.
func (t *tx) next(ctx context.Context, counter string, by int) (int64, error) {
	var last int64
	err := t.QueryRowContext(ctx, `UPDATE counters SET value = value + $1 WHERE name = $2 RETURNING value`, by, counter).Scan(&last)
	return last, err
}
