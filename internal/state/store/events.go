package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/slipway-cd/slipway"
)

// AppendEvents records events that belong to no other write.
func (s *Store) AppendEvents(ctx context.Context, events ...slipway.Event) error {
	if len(events) == 0 {
		return nil
	}
	return s.write(ctx, "record an event", func(_ context.Context, t *tx) error {
		t.record(events...)
		return nil
	})
}

// Events returns at most limit events that came after number after, oldest
// first.
func (s *Store) Events(ctx context.Context, after int64, f slipway.EventFilter, limit int) ([]slipway.Event, error) {
	w := thatPass(f)
	w.and("seq > ?", after)
	query := fmt.Sprintf(`SELECT data FROM events%s ORDER BY seq LIMIT %d`, &w, bounded(limit))
	events, err := list[slipway.Event](ctx, s.reading, query, w.args...)
	return events, s.fail(err, "read events")
}

// EventBefore is the number of the event before the newest n that pass f, 0
// when there are no more than n.
func (s *Store) EventBefore(ctx context.Context, f slipway.EventFilter, n int) (int64, error) {
	w := thatPass(f)
	var seq int64
	err := s.reading.QueryRowContext(ctx, fmt.Sprintf(`SELECT seq FROM events%s ORDER BY seq DESC LIMIT 1 OFFSET %d`, &w, n), w.args...).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return seq, s.fail(err, "read events")
}

// thatPass repeats the conditions of the indexes in their own words: SQLite uses
// those of a part of a table for nothing else.
func thatPass(f slipway.EventFilter) (w where) {
	if f.Build != "" {
		w.and("build <> '' AND build = ?", f.Build)
	}
	if f.Deployment != 0 {
		w.and("deployment <> 0 AND deployment = ?", int64(f.Deployment))
	}
	if f.Target != (slipway.TargetID{}) {
		w.and("service <> '' AND service = ? AND environment = ?", string(f.Target.Service), string(f.Target.Environment))
	}
	return w
}

// LastEvent is the number of the newest event, 0 before the first.
func (s *Store) LastEvent(ctx context.Context) (int64, error) {
	var seq int64
	err := s.reading.QueryRowContext(ctx, `SELECT value FROM counters WHERE name = 'event'`).Scan(&seq)
	return seq, s.fail(err, "read events")
}

// appendEvents numbers what was recorded. It comes last in its transaction: it
// takes the lock that all writers of events share.
func (t *tx) appendEvents(ctx context.Context) error {
	if len(t.events) == 0 {
		return nil
	}
	last, err := t.next(ctx, "event", len(t.events))
	if err != nil {
		return err
	}
	for i := range t.events {
		e := &t.events[i]
		e.Seq = last - int64(len(t.events)-1-i)
		if e.At.IsZero() {
			e.At = time.Now().UTC()
		}
		data, err := encode(e)
		if err != nil {
			return err
		}
		_, err = t.ExecContext(ctx,
			`INSERT INTO events (seq, build, deployment, service, environment, data) VALUES ($1, $2, $3, $4, $5, $6)`,
			e.Seq, e.Build, int64(e.Deployment), string(e.Target.Service), string(e.Target.Environment), data)
		if err != nil {
			return err
		}
	}
	return nil
}
