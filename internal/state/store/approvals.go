package store

import (
	"context"

	"github.com/slipway-cd/slipway"
)

// Approve keeps a person's approval of a deployment, in place of an older one.
func (s *Store) Approve(ctx context.Context, a slipway.Approval, events ...slipway.Event) error {
	return s.write(ctx, "save an approval", func(ctx context.Context, t *tx) error {
		data, err := encode(a)
		if err != nil {
			return err
		}
		t.record(events...)
		_, err = t.ExecContext(ctx, `INSERT INTO approvals (deployment, person, data) VALUES ($1, $2, $3)
			ON CONFLICT (deployment, person) DO UPDATE SET data = excluded.data`, int64(a.Deployment), a.Actor.Person(), data)
		return err
	})
}

// Approvals lists those of a deployment, by person.
func (s *Store) Approvals(ctx context.Context, d slipway.DeploymentID) ([]slipway.Approval, error) {
	all, err := list[slipway.Approval](ctx, s.reading, `SELECT data FROM approvals WHERE deployment = $1 ORDER BY person`, int64(d))
	return all, s.fail(err, "list approvals")
}
