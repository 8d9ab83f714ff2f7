package store

import (
	"context"
	"database/sql"

	"github.com/slipway-cd/slipway"
)

// AddPlacebo counts trials of the placebo of a target that have ended, and those
// of them that ended with an alarm.
func (s *Store) AddPlacebo(ctx context.Context, t slipway.TargetID, trials, alarms int) error {
	return s.write(ctx, "count a trial of the placebo", func(ctx context.Context, tx *tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO placebo (service, environment, trials, alarms) VALUES ($1, $2, $3, $4)
			ON CONFLICT (service, environment) DO UPDATE SET trials = placebo.trials + excluded.trials, alarms = placebo.alarms + excluded.alarms`,
			string(t.Service), string(t.Environment), trials, alarms)
		return err
	})
}

// Placebos returns what was counted of every target that a trial of the placebo
// has ended of, by service and environment.
func (s *Store) Placebos(ctx context.Context) ([]slipway.Placebo, error) {
	all, err := scan(ctx, s.reading, func(rows *sql.Rows) (p slipway.Placebo, err error) {
		return p, rows.Scan(&p.Target.Service, &p.Target.Environment, &p.Trials, &p.Alarms)
	}, `SELECT service, environment, trials, alarms FROM placebo ORDER BY service, environment`)
	return all, s.fail(err, "read the placebo")
}
