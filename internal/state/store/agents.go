package store

import (
	"context"

	"github.com/slipway-cd/slipway"
)

// SaveAgent adds an agent or replaces what is known of it.
func (s *Store) SaveAgent(ctx context.Context, a slipway.Agent, events ...slipway.Event) error {
	return s.write(ctx, "save an agent", func(ctx context.Context, t *tx) error {
		data, err := encode(a)
		if err != nil {
			return err
		}
		t.record(events...)
		_, err = t.ExecContext(ctx, `INSERT INTO agents (id, data) VALUES ($1, $2)
			ON CONFLICT (id) DO UPDATE SET data = excluded.data`, string(a.ID), data)
		return err
	})
}

// Agent returns NotFound when there is none.
func (s *Store) Agent(ctx context.Context, id slipway.AgentID) (slipway.Agent, error) {
	a, err := one[slipway.Agent](ctx, s.reading, `SELECT data FROM agents WHERE id = $1`, string(id))
	return a, s.fail(missing(err, "there is no agent %q", id), "read an agent")
}

// Agents lists all that ever registered, oldest first.
func (s *Store) Agents(ctx context.Context) ([]slipway.Agent, error) {
	all, err := list[slipway.Agent](ctx, s.reading, `SELECT data FROM agents ORDER BY id`)
	return all, s.fail(err, "list agents")
}
