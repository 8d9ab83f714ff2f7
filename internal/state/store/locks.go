package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/slipway-cd/slipway"
)

// Lock keeps l in place of the one that its owner has on the same target, if
// any. Nothing starts by a plan that was made before. It returns Exists, and the
// lock that holds, while another's does.
func (s *Store) Lock(ctx context.Context, l slipway.Lock, events ...slipway.Event) (slipway.Lock, error) {
	held := l
	err := s.write(ctx, "lock", func(ctx context.Context, t *tx) error {
		data, err := encode(l)
		if err != nil {
			return err
		}
		if err := t.outdate(ctx, l.Target); err != nil {
			return err
		}
		if _, err := t.next(ctx, "deployment", 0); err != nil { // the lock that whoever asks for a deployment shares
			return err
		}
		key := []any{string(l.Target.Environment), string(l.Target.Service)}
		was, err := one[slipway.Lock](ctx, t, `SELECT data FROM locks WHERE environment = $1 AND service = $2 AND ends_at > `+s.engine.now, key...)
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return err
		case was.Actor.Person() != l.Actor.Person():
			held = was
			return slipway.Errorf(slipway.Exists, "%s is locked by %s already: %s", was.Place(), was.Actor.Person(), was.Why)
		}
		t.record(events...)
		_, err = t.ExecContext(ctx, `INSERT INTO locks (environment, service, ends_at, data) VALUES ($1, $2, $3, $4)
			ON CONFLICT (environment, service) DO UPDATE SET ends_at = excluded.ends_at, data = excluded.data`, append(key, toMicros(l.Until), data)...)
		return err
	})
	return held, err
}

// outdate makes plans of a target, or of a whole environment or of all, be made
// anew: whoever plans for it finds his state out of date.
func (t *tx) outdate(ctx context.Context, of slipway.TargetID) error {
	_, err := t.ExecContext(ctx, `UPDATE targets SET generation = generation + 1
		WHERE (environment = $1 OR $1 = '') AND (service = $2 OR $2 = '')`, string(of.Environment), string(of.Service))
	return err
}

// Unlock takes lock l away. It returns NotFound when it has ended, or another
// has taken its place.
func (s *Store) Unlock(ctx context.Context, l slipway.Lock, events ...slipway.Event) error {
	return s.write(ctx, "unlock", func(ctx context.Context, t *tx) error {
		was, err := one[slipway.Lock](ctx, t, `DELETE FROM locks WHERE environment = $1 AND service = $2 RETURNING data`,
			string(l.Target.Environment), string(l.Target.Service))
		if err != nil || was.ID != l.ID {
			return missing(errors.Join(err, differs(was.ID != l.ID)), "%s is not locked any more", l.Place())
		}
		t.record(events...)
		return nil
	})
}

// differs makes a row that is not the one meant none at all.
func differs(is bool) error {
	if is {
		return sql.ErrNoRows
	}
	return nil
}

// Locks lists those that hold, by environment and service: by the clock of the
// database.
func (s *Store) Locks(ctx context.Context) ([]slipway.Lock, error) {
	all, err := list[slipway.Lock](ctx, s.reading, `SELECT data FROM locks WHERE ends_at > `+s.engine.now+` ORDER BY environment, service`)
	return all, s.fail(err, "list locks")
}
