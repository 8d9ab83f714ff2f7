package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/slipway-cd/slipway"
)

// SaveRoute replaces the route of a target in the table that routers serve, and
// returns the table's version. A route that is there already makes no new
// version. It returns Stale when its fence is lower than the one stored.
func (s *Store) SaveRoute(ctx context.Context, r slipway.Route) (version uint64, err error) {
	err = s.write(ctx, "save a route", func(ctx context.Context, t *tx) error {
		next, err := t.next(ctx, "route", 1) // and the table is ours
		if err != nil {
			return err
		}
		version = uint64(next)
		data, err := encode(r)
		if err != nil {
			return err
		}
		was, err := t.route(ctx, r.Target)
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return err
		case r.Fence.Less(was.fence):
			return slipway.Errorf(slipway.Stale, "the route of %s is at %s already, %s is older", r.Target, was.fence, r.Fence)
		case was.data == data:
			version--
			return errUnchanged
		}
		_, err = t.ExecContext(ctx, `INSERT INTO routes (service, environment, epoch, generation, data) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (service, environment) DO UPDATE SET epoch = excluded.epoch, generation = excluded.generation, data = excluded.data`,
			string(r.Target.Service), string(r.Target.Environment), int64(r.Fence.Epoch), int64(r.Fence.Generation), data)
		return err
	})
	if err != nil {
		return 0, err
	}
	return version, nil
}

type storedRoute struct {
	fence slipway.Fence
	data  string
}

func (t *tx) route(ctx context.Context, id slipway.TargetID) (r storedRoute, err error) {
	err = t.QueryRowContext(ctx, `SELECT epoch, generation, data FROM routes WHERE service = $1 AND environment = $2`,
		string(id.Service), string(id.Environment)).Scan(&r.fence.Epoch, &r.fence.Generation, &r.data)
	return r, err
}

// Routes is the whole table with its version, by service and environment.
func (s *Store) Routes(ctx context.Context) (version uint64, routes []slipway.Route, err error) {
	// A join, because one statement sees one moment.
	rows, err := scan(ctx, s.reading, func(rows *sql.Rows) (data sql.NullString, err error) {
		return data, rows.Scan(&version, &data)
	}, `SELECT c.value, r.data FROM counters c LEFT JOIN routes r ON 1 = 1 WHERE c.name = 'route' ORDER BY r.service, r.environment`)
	if err != nil {
		return 0, nil, s.fail(err, "read the route table")
	}
	for _, data := range rows {
		if !data.Valid { // the version alone
			continue
		}
		var r slipway.Route
		if err := decode(data.String, &r); err != nil {
			return 0, nil, s.fail(err, "read the route table")
		}
		routes = append(routes, r)
	}
	return version, routes, nil
}
