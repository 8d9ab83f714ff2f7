package store

import (
	"context"

	"github.com/slipway-cd/slipway"
)

// AddUser adds a person with a first token. It returns Exists when the name is
// taken.
func (s *Store) AddUser(ctx context.Context, u slipway.User, token slipway.Token, events ...slipway.Event) error {
	return s.write(ctx, "add a user", func(ctx context.Context, t *tx) error {
		data, err := encode(u)
		if err != nil {
			return err
		}
		_, err = t.ExecContext(ctx, `INSERT INTO users (name, data) VALUES ($1, $2)`, u.Name, data)
		if s.isDuplicate(err) {
			return slipway.Errorf(slipway.Exists, "there is a user %q already", u.Name)
		}
		if err != nil {
			return err
		}
		t.record(events...)
		return t.insertToken(ctx, token)
	})
}

// Users lists all, by name.
func (s *Store) Users(ctx context.Context) ([]slipway.User, error) {
	all, err := list[slipway.User](ctx, s.reading, `SELECT data FROM users ORDER BY name`)
	return all, s.fail(err, "list users")
}
