package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/slipway-cd/slipway"
)

// targetColumns go with scanTarget.
const targetColumns = `service, environment, kind, port, preview, generation, owner, owned_until, data`

// EnsureTarget returns the target of want.ID, and makes it of want when there
// is none. A web target gets a port, and one for previews when want.Preview is
// [slipway.AnyPort]: port is told which are taken, and nobody else is given any
// meanwhile. Whatever port returns as an error is returned. A target keeps its
// kind, and its ports until they are freed; it returns Conflict when want is of
// another kind.
func (s *Store) EnsureTarget(ctx context.Context, want slipway.Target, port func(taken []int) (int, error)) (slipway.Target, error) {
	got, err := s.Target(ctx, want.ID)
	if slipway.CodeOf(err) != slipway.NotFound && (err != nil || !lacksPort(got, want)) {
		return got, orKind(got, want, err)
	}
	err = s.write(ctx, "make a target", func(ctx context.Context, t *tx) error {
		if _, err := t.next(ctx, "port", 1); err != nil { // the lock that all share who are given ports
			return err
		}
		got, err = t.target(ctx, want.ID)
		known := !errors.Is(err, sql.ErrNoRows)
		if err := orKind(got, want, err); known && err != nil {
			return err
		}
		if !known {
			got = want
			got.Port, got.Preview = 0, 0
			got.Fence, got.Owner = slipway.Fence{Epoch: s.epoch}, ""
		}
		if err := t.givePorts(ctx, &got, want, port); err != nil {
			return err
		}
		if !known {
			return t.insertTarget(ctx, got)
		}
		_, err = t.ExecContext(ctx, `UPDATE targets SET port = $1, preview = $2 WHERE service = $3 AND environment = $4`,
			got.Port, got.Preview, string(want.ID.Service), string(want.ID.Environment))
		return err
	})
	if err != nil {
		return slipway.Target{}, err
	}
	return got, nil
}

// lacksPort reports whether a target that is there is still to be given a port
// that is wanted.
func lacksPort(got, want slipway.Target) bool {
	web := got.Kind == slipway.Web && want.Kind == slipway.Web
	return web && (got.Port == 0 || got.Preview == 0 && want.Preview == slipway.AnyPort)
}

// givePorts gives a target the ports that it lacks. No two targets have the
// same, nor a target the same twice.
func (t *tx) givePorts(ctx context.Context, got *slipway.Target, want slipway.Target, port func(taken []int) (int, error)) error {
	if !lacksPort(*got, want) {
		return nil
	}
	taken, err := takenPorts(ctx, t)
	if err != nil {
		return err
	}
	if got.Port == 0 {
		if got.Port, err = port(taken); err != nil {
			return err
		}
		taken = append(taken, got.Port)
	}
	if got.Preview == 0 && want.Preview == slipway.AnyPort {
		got.Preview, err = port(taken)
	}
	return err
}

func orKind(got, want slipway.Target, err error) error {
	if err == nil && want.Kind != "" && got.Kind != want.Kind {
		return slipway.Errorf(slipway.Conflict, "%s is a %s and cannot become a %s", got.ID, got.Kind, want.Kind).
			Do("Give the %s a service name of its own.", want.Kind)
	}
	return err
}

// Target returns NotFound when the service was never meant for the environment.
func (s *Store) Target(ctx context.Context, id slipway.TargetID) (slipway.Target, error) {
	row := s.reading.QueryRowContext(ctx, `SELECT `+targetColumns+` FROM targets WHERE service = $1 AND environment = $2`,
		string(id.Service), string(id.Environment))
	t, err := s.scanTarget(row)
	return t, s.fail(noTarget(err, id), "read a target")
}

// Targets lists all, by service and environment.
func (s *Store) Targets(ctx context.Context) ([]slipway.Target, error) {
	all, err := scan(ctx, s.reading, func(rows *sql.Rows) (slipway.Target, error) { return s.scanTarget(rows) },
		`SELECT `+targetColumns+` FROM targets ORDER BY service, environment`)
	return all, s.fail(err, "list targets")
}

// TargetIDs names all, by service and environment.
func (s *Store) TargetIDs(ctx context.Context) ([]slipway.TargetID, error) {
	all, err := targetIDs(ctx, s.reading, `SELECT service, environment FROM targets ORDER BY service, environment`)
	return all, s.fail(err, "list targets")
}

func targetIDs(ctx context.Context, q querier, query string) ([]slipway.TargetID, error) {
	return scan(ctx, q, func(rows *sql.Rows) (id slipway.TargetID, err error) {
		return id, rows.Scan(&id.Service, &id.Environment)
	}, query)
}

func noTarget(err error, id slipway.TargetID) error {
	return missing(err, "the service %q is not known in %q: nothing was deployed there yet", id.Service, id.Environment)
}

// target reads and locks one.
func (t *tx) target(ctx context.Context, id slipway.TargetID) (slipway.Target, error) {
	return t.store.scanTarget(t.QueryRowContext(ctx, `SELECT `+targetColumns+` FROM targets WHERE service = $1 AND environment = $2`+t.store.engine.forUpdate,
		string(id.Service), string(id.Environment)))
}

func (s *Store) scanTarget(row interface{ Scan(...any) error }, more ...any) (slipway.Target, error) {
	var t, columns slipway.Target
	var generation, ownedUntil int64
	var data string
	err := row.Scan(append([]any{&columns.ID.Service, &columns.ID.Environment, &columns.Kind, &columns.Port,
		&columns.Preview, &generation, &columns.Owner, &ownedUntil, &data}, more...)...)
	if err != nil {
		return t, err
	}
	if err := decode(data, &t); err != nil {
		return t, err
	}
	t.ID, t.Kind, t.Port, t.Preview, t.Owner = columns.ID, columns.Kind, columns.Port, columns.Preview, columns.Owner
	t.Fence = slipway.Fence{Epoch: s.epoch, Generation: uint64(generation)}
	t.OwnedTil = fromMicros(ownedUntil)
	return t, nil
}

func (t *tx) insertTarget(ctx context.Context, v slipway.Target) error {
	data, err := encodeTarget(v)
	if err != nil {
		return err
	}
	_, err = t.ExecContext(ctx, `INSERT INTO targets (`+targetColumns+`, specs, draining, route) VALUES ($1, $2, $3, $4, $5, 0, '', 0, $6, '{}', '{}', 'null')`,
		string(v.ID.Service), string(v.ID.Environment), string(v.Kind), v.Port, v.Preview, data)
	return err
}

// encodeTarget leaves out what has a column.
func encodeTarget(t slipway.Target) (string, error) {
	t.ID, t.Kind, t.Port, t.Preview = slipway.TargetID{}, "", 0, 0
	t.Fence, t.Owner, t.OwnedTil = slipway.Fence{}, "", time.Time{}
	return encode(t)
}

func takenPorts(ctx context.Context, q querier) ([]int, error) {
	return scan(ctx, q, func(rows *sql.Rows) (port int, err error) {
		return port, rows.Scan(&port)
	}, `SELECT port FROM targets WHERE port <> 0 UNION SELECT preview FROM targets WHERE preview <> 0 ORDER BY 1`)
}
