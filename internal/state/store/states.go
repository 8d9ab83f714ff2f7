package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/slipway-cd/slipway"
)

// Acquire makes owner the one who plans for a target, or extends its lease, for
// ttl by the database's clock. A target that changes hands gets the next
// generation, so that whatever its last owner still does is refused. Owner is a
// name that no other process has, or ever had.
//
// It returns Conflict while the lease is another's, and NotFound when there is
// no such target.
func (s *Store) Acquire(ctx context.Context, id slipway.TargetID, owner string, ttl time.Duration) (slipway.Fence, error) {
	var f slipway.Fence
	err := s.write(ctx, "take over a target", func(ctx context.Context, t *tx) error {
		err := t.QueryRowContext(ctx, `UPDATE targets
			SET owner = $1, owned_until = `+s.engine.now+` + $2,
				generation = generation + CASE WHEN owner = $1 THEN 0 ELSE 1 END
			WHERE service = $3 AND environment = $4 AND (owner = $1 OR owned_until <= `+s.engine.now+`)
			RETURNING generation, (SELECT value FROM counters WHERE name = 'epoch')`,
			owner, ttl.Microseconds(), string(id.Service), string(id.Environment)).Scan(&f.Generation, &f.Epoch)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		held, err := t.target(ctx, id)
		if err != nil {
			return noTarget(err, id)
		}
		return slipway.Errorf(slipway.Conflict, "%s is planned for by another server, %s", id, held.Owner)
	})
	if err != nil {
		return slipway.Fence{}, err
	}
	return f, nil
}

// EndLeases ends the leases of owner, whose process is proven dead, so that the
// next one need not wait for their end. Whatever the dead one had under way stays
// refused: the targets still change hands. It returns those that owner had.
func (s *Store) EndLeases(ctx context.Context, owner string) (targets []slipway.TargetID, err error) {
	err = s.write(ctx, "end the leases of a dead owner", func(ctx context.Context, t *tx) error {
		targets, err = scan(ctx, t, func(rows *sql.Rows) (id slipway.TargetID, err error) {
			return id, rows.Scan(&id.Service, &id.Environment)
		}, `UPDATE targets SET owned_until = 0 WHERE owner = $1 RETURNING service, environment`, owner)
		return err
	})
	return targets, err
}

// LoadState reads the committed parts of a target's state: Target, Specs,
// Draining, Route and the Deployment that moves it, else the oldest that is pending,
// else nil. They are of one moment.
//
// It returns NotFound when there is no such target.
func (s *Store) LoadState(ctx context.Context, id slipway.TargetID) (slipway.State, error) {
	var state slipway.State
	var specs, draining, route string
	var deployment sql.NullString
	// A join, because one statement sees one moment.
	row := s.reading.QueryRowContext(ctx, `SELECT t.service, t.environment, t.kind, t.port, t.preview, t.generation, t.owner, t.owned_until, t.data,
			t.specs, t.draining, t.route, d.data
		FROM targets t LEFT JOIN deployments d ON d.service = t.service AND d.environment = t.environment AND d.ended = 0
		WHERE t.service = $1 AND t.environment = $2
		ORDER BY CASE d.phase WHEN 'pending' THEN 1 ELSE 0 END, d.id LIMIT 1`, string(id.Service), string(id.Environment))
	target, err := s.scanTarget(row, &specs, &draining, &route, &deployment)
	if err != nil {
		return state, s.fail(noTarget(err, id), "read the state of a target")
	}
	state.Target = target
	err = errors.Join(decode(specs, &state.Specs), decode(draining, &state.Draining), decode(route, &state.Route))
	if deployment.Valid && err == nil {
		state.Deployment = new(slipway.Deployment)
		err = decode(deployment.String, state.Deployment)
	}
	return state, s.fail(err, "read the state of a target")
}

// CommitState writes what was decided: the committed parts of next, and the
// events that tell of it. It does so only if the target is still owner's, and
// its state is still the one that from names: then it has the next generation,
// which is returned. A target that next has no port for any more frees those
// that it had. Otherwise it returns Stale and nothing is written; it does
// so as well for a deployment that has ended meanwhile. It returns NotFound when
// there is no such target.
func (s *Store) CommitState(ctx context.Context, owner string, from slipway.Fence, next slipway.State, events ...slipway.Event) (slipway.Fence, error) {
	id := next.Target.ID
	err := s.write(ctx, "commit the state of a target", func(ctx context.Context, t *tx) error {
		if err := t.updateState(ctx, owner, from, next); err != nil {
			return err
		}
		if next.Deployment != nil {
			if err := t.updateDeployment(ctx, id, next.Deployment); err != nil {
				return err
			}
		}
		t.record(events...)
		return nil
	})
	if err != nil {
		return slipway.Fence{}, err
	}
	return slipway.Fence{Epoch: from.Epoch, Generation: from.Generation + 1}, nil
}

func (t *tx) updateState(ctx context.Context, owner string, from slipway.Fence, next slipway.State) error {
	target, err := encodeTarget(next.Target)
	if err != nil {
		return err
	}
	specs, err := encode(next.Specs)
	if err != nil {
		return err
	}
	draining, err := encode(next.Draining)
	if err != nil {
		return err
	}
	route, err := encode(next.Route)
	if err != nil {
		return err
	}
	id := next.Target.ID
	r, err := t.ExecContext(ctx, `UPDATE targets SET generation = generation + 1, data = $1, specs = $2, draining = $3, route = $4,
			port = CASE WHEN $5 = 0 THEN 0 ELSE port END, preview = CASE WHEN $5 = 0 THEN 0 ELSE preview END
		WHERE service = $6 AND environment = $7 AND owner = $8 AND generation = $9
			AND EXISTS (SELECT 1 FROM counters WHERE name = 'epoch' AND value = $10)`,
		target, specs, draining, route, next.Target.Port, string(id.Service), string(id.Environment), owner, int64(from.Generation), int64(from.Epoch))
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); n == 1 || err != nil {
		return err
	}
	held, err := t.target(ctx, id)
	if err != nil {
		return noTarget(err, id)
	}
	return slipway.Errorf(slipway.Stale, "%s has moved on: it is at generation %s of %q, not at %s of %q", id, held.Fence, held.Owner, from, owner)
}

// updateDeployment lets terminal phases absorb: a deployment may have been
// superseded between load and commit.
func (t *tx) updateDeployment(ctx context.Context, target slipway.TargetID, d *slipway.Deployment) error {
	data, err := encode(d)
	if err != nil {
		return err
	}
	r, err := t.ExecContext(ctx, `UPDATE deployments SET phase = $1, ended = $2, data = $3
		WHERE id = $4 AND service = $5 AND environment = $6 AND (ended = 0 OR phase = $1)`,
		string(d.Phase), flag(d.Phase.Ended()), data, int64(d.ID), string(target.Service), string(target.Environment))
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); n == 1 || err != nil {
		return err
	}
	return slipway.Errorf(slipway.Stale, "deployment %d of %s has ended meanwhile", d.ID, target)
}
