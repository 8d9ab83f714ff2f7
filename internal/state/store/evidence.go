package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/slipway-cd/slipway"
)

// Evidence returns what was kept of the looks at a deployment's candidate, in
// their order, and the ledger of what they counted: nothing when nobody has
// looked. What is in them is for who wrote them.
func (s *Store) Evidence(ctx context.Context, d slipway.DeploymentID) (slipway.Looks, error) {
	var looks slipway.Looks
	var n int
	err := s.reading.QueryRowContext(ctx, `SELECT ledger, batches FROM evidence WHERE deployment = $1`, int64(d)).Scan(&looks.Ledger, &n)
	if errors.Is(err, sql.ErrNoRows) {
		return slipway.Looks{}, nil
	}
	if err == nil { // those that the ledger knows: more may have come since
		looks.Batches, err = scan(ctx, s.reading, func(rows *sql.Rows) (b []byte, err error) { return b, rows.Scan(&b) },
			`SELECT data FROM batches WHERE deployment = $1 AND number <= $2 ORDER BY number`, int64(d), n)
	}
	return looks, s.fail(err, "read the evidence of a deployment")
}

// Batches returns what was kept of the looks at a deployment's candidate behind
// the first so many.
func (s *Store) Batches(ctx context.Context, d slipway.DeploymentID, behind int) ([][]byte, error) {
	all, err := scan(ctx, s.reading, func(rows *sql.Rows) (b []byte, err error) { return b, rows.Scan(&b) },
		`SELECT data FROM batches WHERE deployment = $1 AND number > $2 ORDER BY number`, int64(d), behind)
	return all, s.fail(err, "read the evidence of a deployment")
}

// ForgetEvidence forgets the evidence of at most limit deployments that ended before
// a time, and counts them; dry only counts. What was decided stays in their story.
func (s *Store) ForgetEvidence(ctx context.Context, before time.Time, limit int, dry bool) (n int, err error) {
	err = s.write(ctx, "forget old evidence", func(ctx context.Context, tx *tx) error {
		n = 0
		old, err := list[slipway.Deployment](ctx, tx, `SELECT d.data FROM deployments d JOIN evidence e ON e.deployment = d.id WHERE d.ended = 1 ORDER BY d.id LIMIT $1`, limit)
		if err != nil {
			return err
		}
		for _, d := range old {
			if !d.FinishedAt.Before(before) {
				continue
			}
			if n++; dry {
				continue
			}
			for _, query := range []string{`DELETE FROM batches WHERE deployment = $1`, `DELETE FROM evidence WHERE deployment = $1`} {
				if _, err := tx.ExecContext(ctx, query, int64(d.ID)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return n, err
}

// AppendEvidence keeps new batches of a deployment behind the first so many that
// are there, and the ledger that counts them. It does so only for the owner of
// the deployment's target, in the state that from names; otherwise it returns
// Stale and keeps nothing.
func (s *Store) AppendEvidence(ctx context.Context, owner string, from slipway.Fence, t slipway.TargetID, d slipway.DeploymentID, behind int, more slipway.Looks) error {
	return s.write(ctx, "keep the evidence of a deployment", func(ctx context.Context, tx *tx) error {
		held, err := tx.target(ctx, t)
		if err != nil {
			return noTarget(err, t)
		}
		if held.Owner != owner || held.Fence != from {
			return slipway.Errorf(slipway.Stale, "%s has moved on: it is at generation %s of %q, not at %s of %q", t, held.Fence, held.Owner, from, owner)
		}
		query := `UPDATE evidence SET batches = $2, ledger = $3 WHERE deployment = $1 AND batches = $4`
		args := []any{int64(d), behind + len(more.Batches), string(more.Ledger), behind}
		if behind == 0 {
			query = `INSERT INTO evidence (deployment, batches, ledger) VALUES ($1, $2, $3) ON CONFLICT (deployment) DO NOTHING`
			args = args[:3]
		}
		r, err := tx.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		switch n, err := r.RowsAffected(); {
		case err != nil:
			return err
		case n != 1:
			return slipway.Errorf(slipway.Stale, "the evidence of deployment %d does not end with look %d", d, behind)
		}
		for i, b := range more.Batches {
			if _, err := tx.ExecContext(ctx, `INSERT INTO batches (deployment, number, data) VALUES ($1, $2, $3)`, int64(d), behind+i+1, string(b)); err != nil {
				return err
			}
		}
		return nil
	})
}
