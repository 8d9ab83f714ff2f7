package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/slipway-cd/slipway"
)

// CreateDeployment keeps a deployment with the revision that it moves its
// target to, and numbers it; its candidate group is named after the number. A
// revision that is there already, which a rollback or a restart returns to, stays
// as it is. It gets want instances, unless a person has asked for a scale of the
// target. Older deployments of the target that are still pending are superseded,
// and where d replaces what moves, that is asked to go back: whoever plans for it
// finds his state out of date.
//
// When d.Key is not "" and was seen before, nothing is written, created is
// false and the deployment of the first time is returned. Events get the number
// of the deployment. It returns NotFound when the target was not made before,
// Conflict when the image of its release was removed or the target is just being
// removed, Stale when the ports of the target were freed meanwhile, and Invalid
// for a key that is not UTF-8.
func (s *Store) CreateDeployment(ctx context.Context, d slipway.Deployment, r slipway.Revision, want int, events ...slipway.Event) (stored slipway.Deployment, created bool, err error) {
	if err := checkText("an idempotency key", d.Key); err != nil {
		return stored, false, err
	}
	err = s.write(ctx, "save a deployment", func(ctx context.Context, t *tx) error {
		stored, created = d, false
		target, err := t.target(ctx, d.Target)
		if err != nil {
			return noTarget(err, d.Target)
		}
		id, err := t.next(ctx, "deployment", 1) // and nobody else looks for this key now
		if err != nil {
			return err
		}
		if d.Key != "" {
			first, err := one[slipway.Deployment](ctx, t, `SELECT data FROM deployments WHERE idempotency_key <> '' AND idempotency_key = $1`, d.Key)
			if !errors.Is(err, sql.ErrNoRows) {
				if stored = first; err == nil {
					err = errUnchanged
				}
				return err
			}
		}
		if err := t.checkRelease(ctx, d.Target.Service, d.Release); err != nil {
			return err
		}
		if err := target.CheckOpen(); err != nil {
			return err
		}
		stored.ID, created = slipway.DeploymentID(id), true
		stored.Candidate, stored.Want = slipway.GroupOf(stored.ID), cmp.Or(target.Scale, want)
		r.Deployment = stored.ID
		if err := t.supersede(ctx, stored); err != nil {
			return err
		}
		if err := t.replace(ctx, stored); err != nil {
			return err
		}
		for _, e := range events {
			e.Deployment = stored.ID
			t.record(e)
		}
		return t.insertDeployment(ctx, stored, r)
	})
	if err != nil {
		return slipway.Deployment{}, false, err
	}
	return stored, created, nil
}

// supersede ends the pending deployments of the same target.
func (t *tx) supersede(ctx context.Context, by slipway.Deployment) error {
	pending, err := list[slipway.Deployment](ctx, t, `SELECT data FROM deployments
		WHERE service = $1 AND environment = $2 AND ended = 0 AND phase = 'pending' ORDER BY id`,
		string(by.Target.Service), string(by.Target.Environment))
	if err != nil {
		return err
	}
	at := asked(by)
	for _, d := range pending {
		text := fmt.Sprintf("superseded by deployment %d of release %d", by.ID, by.Release)
		d.Phase, d.FinishedAt = slipway.Superseded, at
		d.Why = append(d.Why, slipway.Why{At: at, Text: text})
		if err := t.updateDeployment(ctx, d.Target, &d); err != nil {
			return err
		}
		t.record(slipway.Event{At: at, Kind: slipway.DeploymentChanged, Actor: by.Actor, Build: d.Build,
			Target: d.Target, Deployment: d.ID, Text: fmt.Sprintf("deployment %d was %s", d.ID, text)})
	}
	return nil
}

// replace asks what moves the target to go back, if that is what by is for. The
// state that it was planned from is out of date then.
func (t *tx) replace(ctx context.Context, by slipway.Deployment) error {
	if !by.Replace {
		return nil
	}
	where := []any{string(by.Target.Service), string(by.Target.Environment)}
	moving, err := list[slipway.Deployment](ctx, t, `SELECT data FROM deployments
		WHERE service = $1 AND environment = $2 AND ended = 0 AND phase <> 'pending' ORDER BY id`, where...)
	if err != nil {
		return err
	}
	for _, d := range moving {
		if !d.GiveWay(by, asked(by)) {
			continue
		}
		if err := t.updateDeployment(ctx, d.Target, &d); err != nil {
			return err
		}
		if err := t.outdate(ctx, d.Target); err != nil {
			return err
		}
		t.record(slipway.Event{At: asked(by), Kind: slipway.DeploymentChanged, Actor: by.Actor, Build: d.Build,
			Target: d.Target, Deployment: d.ID, Text: fmt.Sprintf("deployment %d is replaced by deployment %d", d.ID, by.ID)})
	}
	return nil
}

// asked is when d was asked for.
func asked(d slipway.Deployment) time.Time {
	if d.CreatedAt.IsZero() {
		return time.Now().UTC()
	}
	return d.CreatedAt
}

func (t *tx) insertDeployment(ctx context.Context, d slipway.Deployment, r slipway.Revision) error {
	revision, err := encode(r)
	if err != nil {
		return err
	}
	if _, err := t.ExecContext(ctx, `INSERT INTO revisions (id, data) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING`, string(r.ID), revision); err != nil {
		return err
	}
	data, err := encode(d)
	if err != nil {
		return err
	}
	_, err = t.ExecContext(ctx, `INSERT INTO deployments (id, service, environment, phase, ended, idempotency_key, data)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`, int64(d.ID), string(d.Target.Service), string(d.Target.Environment),
		string(d.Phase), flag(d.Phase.Ended()), d.Key, data)
	return err
}

// Deployment returns NotFound when there is none of this number.
func (s *Store) Deployment(ctx context.Context, id slipway.DeploymentID) (slipway.Deployment, error) {
	d, err := one[slipway.Deployment](ctx, s.reading, `SELECT data FROM deployments WHERE id = $1`, int64(id))
	return d, s.fail(missing(err, "there is no deployment %d", id), "read a deployment")
}

// Deployments lists at most limit, newest first.
func (s *Store) Deployments(ctx context.Context, f slipway.DeploymentFilter, limit int) ([]slipway.Deployment, error) {
	var w where
	if f.Target != (slipway.TargetID{}) {
		w.and("service = ? AND environment = ?", string(f.Target.Service), string(f.Target.Environment))
	}
	if f.Service != "" {
		w.and("service = ?", string(f.Service))
	}
	if f.Environment != "" {
		w.and("environment = ?", string(f.Environment))
	}
	if f.Open {
		w.and("ended = 0")
	}
	query := fmt.Sprintf(`SELECT data FROM deployments%s ORDER BY id DESC LIMIT %d`, &w, bounded(limit))
	all, err := list[slipway.Deployment](ctx, s.reading, query, w.args...)
	return all, s.fail(err, "list deployments")
}

// Revision returns NotFound when there is none.
func (s *Store) Revision(ctx context.Context, id slipway.RevisionID) (slipway.Revision, error) {
	r, err := one[slipway.Revision](ctx, s.reading, `SELECT data FROM revisions WHERE id = $1`, string(id))
	return r, s.fail(missing(err, "there is no revision %q", id), "read a revision")
}
