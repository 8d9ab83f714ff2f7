package store

import (
	"context"

	"github.com/slipway-cd/slipway"
)

// SaveRouter registers a router, or replaces what is known of it.
func (s *Store) SaveRouter(ctx context.Context, r slipway.Router) error {
	return s.write(ctx, "save a router", func(ctx context.Context, t *tx) error {
		data, err := encode(r)
		if err != nil {
			return err
		}
		_, err = t.ExecContext(ctx, `INSERT INTO routers (id, data) VALUES ($1, $2)
			ON CONFLICT (id) DO UPDATE SET data = excluded.data`, string(r.ID), data)
		return err
	})
}

// Routers lists all that are registered, by ID.
func (s *Store) Routers(ctx context.Context) ([]slipway.Router, error) {
	all, err := list[slipway.Router](ctx, s.reading, `SELECT data FROM routers ORDER BY id`)
	return all, s.fail(err, "list routers")
}

// ForgetRouter ends a registration: nothing waits for this router any more. One
// that is not known is forgotten already.
func (s *Store) ForgetRouter(ctx context.Context, id slipway.RouterID) error {
	return s.write(ctx, "forget a router", func(ctx context.Context, t *tx) error {
		_, err := t.ExecContext(ctx, `DELETE FROM routers WHERE id = $1`, string(id))
		return err
	})
}
