package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/slipway-cd/slipway"
)

// Declare keeps d as the newest declaration of the environments, if the newest
// is version after, and numbers it. Nothing starts by a plan that was made before. It returns Stale when there is a newer one by
// now, and Conflict when an environment is gone from d in which something runs or
// is deployed.
func (s *Store) Declare(ctx context.Context, d slipway.Declaration, after int, events ...slipway.Event) (slipway.Declaration, error) {
	d.Version = after + 1
	err := s.write(ctx, "declare the environments", func(ctx context.Context, t *tx) error {
		if _, err := t.next(ctx, "port", 0); err != nil { // the lock that makers of targets share
			return err
		}
		var newest int
		if err := t.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM declarations`).Scan(&newest); err != nil {
			return err
		}
		if newest != after {
			return slipway.Errorf(slipway.Stale, "somebody has declared the environments meanwhile: they are at version %d, not %d", newest, after).
				Do("look at them and apply again: slipway environments")
		}
		if err := t.leavesNobody(ctx, d.Environments); err != nil {
			return err
		}
		if err := t.outdate(ctx, slipway.TargetID{}); err != nil {
			return err
		}
		data, err := encode(d)
		if err != nil {
			return err
		}
		t.record(events...)
		_, err = t.ExecContext(ctx, `INSERT INTO declarations (version, data) VALUES ($1, $2)`, d.Version, data)
		return err
	})
	if err != nil {
		return slipway.Declaration{}, err
	}
	return d, nil
}

// leavesNobody refuses to remove an environment in which something lives.
func (t *tx) leavesNobody(ctx context.Context, kept slipway.Environments) error {
	homes, err := targetIDs(ctx, t, `SELECT service, environment FROM targets WHERE specs <> '{}' AND specs <> 'null'
		UNION SELECT service, environment FROM deployments WHERE ended = 0 ORDER BY 2, 1`)
	if err != nil {
		return err
	}
	for _, h := range homes {
		if _, err := kept.Find(h.Environment); err != nil {
			return slipway.Errorf(slipway.Conflict, "environment %q cannot be removed: %s runs there, or is being deployed", h.Environment, h.Service).
				Do("remove its services first: slipway services rm %s %s", h.Service, h.Environment)
		}
	}
	return nil
}

// Declaration is the newest: version 0, with the builtin environments, when
// nobody has declared any.
func (s *Store) Declaration(ctx context.Context) (slipway.Declaration, error) {
	d, err := one[slipway.Declaration](ctx, s.reading, `SELECT data FROM declarations ORDER BY version DESC LIMIT 1`)
	if errors.Is(err, sql.ErrNoRows) {
		return slipway.Declaration{Environments: slipway.BuiltinEnvironments, Actor: slipway.System}, nil
	}
	return d, s.fail(err, "read the environments")
}

// Declarations lists at most limit, newest first, without the builtin one.
func (s *Store) Declarations(ctx context.Context, limit int) ([]slipway.Declaration, error) {
	all, err := list[slipway.Declaration](ctx, s.reading, `SELECT data FROM declarations ORDER BY version DESC LIMIT $1`, bounded(limit))
	return all, s.fail(err, "list declarations")
}

// Environments are those of the newest declaration.
func (s *Store) Environments(ctx context.Context) (slipway.Environments, error) {
	d, err := s.Declaration(ctx)
	return d.Environments, err
}
