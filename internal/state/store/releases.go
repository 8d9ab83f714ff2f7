package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/slipway-cd/slipway"
)

// CreateRelease numbers a release and keeps it; the first of a service makes
// the service. The same (service, build, image) again is no new release:
// created is false, and the one of the first time is returned.
//
// Events of kind ReleasePublished without a text get one with the number. It
// returns Conflict when the service belongs to another repository.
func (s *Store) CreateRelease(ctx context.Context, r slipway.Release, events ...slipway.Event) (stored slipway.Release, created bool, err error) {
	err = s.write(ctx, "save a release", func(ctx context.Context, t *tx) error {
		stored, created = r, false
		number, err := t.lockService(ctx, r)
		if err != nil {
			return err
		}
		first, err := one[slipway.Release](ctx, t, `SELECT data FROM releases WHERE service = $1 AND build = $2 AND image = $3`,
			string(r.Service), string(r.Build), string(r.Image))
		if !errors.Is(err, sql.ErrNoRows) {
			if stored = first; err == nil {
				err = errUnchanged
			}
			return err
		}
		stored.Number, created = number, true
		for _, e := range events {
			if e.Kind == slipway.ReleasePublished && e.Text == "" {
				e.Text = "published " + stored.String()
			}
			t.record(e)
		}
		return t.insertRelease(ctx, stored)
	})
	if err != nil {
		return slipway.Release{}, false, err
	}
	return stored, created, nil
}

// lockService makes the service if it is new, brings it up to date otherwise,
// and returns the number of its next release. Others wait until the end.
func (t *tx) lockService(ctx context.Context, r slipway.Release) (next int, err error) {
	service := slipway.Service{Name: r.Service, Repository: r.Repository, Owner: r.Manifest.Owner, Kind: r.Manifest.Kind, CreatedAt: r.CreatedAt}
	data, err := encode(service)
	if err != nil {
		return 0, err
	}
	_, err = t.ExecContext(ctx, `INSERT INTO services (name, last_release, data) VALUES ($1, 0, $2) ON CONFLICT (name) DO NOTHING`, string(r.Service), data)
	if err != nil {
		return 0, err
	}
	var last int
	if err := t.QueryRowContext(ctx, `SELECT last_release, data FROM services WHERE name = $1`+t.store.engine.forUpdate, string(r.Service)).Scan(&last, &data); err != nil {
		return 0, err
	}
	if err := decode(data, &service); err != nil {
		return 0, err
	}
	if service.Repository != r.Repository {
		return 0, slipway.Errorf(slipway.Conflict, "the service %q belongs to the repository %q, not to %q", r.Service, service.Repository, r.Repository).
			Do("Give the service in slipway.yaml a name of its own.")
	}
	service.Owner, service.Kind = r.Manifest.Owner, r.Manifest.Kind
	if data, err = encode(service); err != nil {
		return 0, err
	}
	_, err = t.ExecContext(ctx, `UPDATE services SET last_release = $1, data = $2 WHERE name = $3`, last+1, data, string(r.Service))
	return last + 1, err
}

func (t *tx) insertRelease(ctx context.Context, r slipway.Release) error {
	data, err := encode(r)
	if err != nil {
		return err
	}
	_, err = t.ExecContext(ctx, `INSERT INTO releases (service, number, build, image, created_at, pruned_at, data) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		string(r.Service), r.Number, string(r.Build), string(r.Image), toMicros(r.CreatedAt), toMicros(r.Pruned), data)
	return err
}

// Release returns NotFound when the service has none of this number.
func (s *Store) Release(ctx context.Context, service slipway.ServiceName, number int) (slipway.Release, error) {
	r, err := one[slipway.Release](ctx, s.reading, `SELECT data FROM releases WHERE service = $1 AND number = $2`, string(service), number)
	return r, s.fail(missing(err, "there is no release %s", slipway.ReleaseName(service, number)), "read a release")
}

// Releases lists at most limit releases of a service, or of all when it is "",
// newest first.
func (s *Store) Releases(ctx context.Context, service slipway.ServiceName, limit int) ([]slipway.Release, error) {
	var w where
	order := "created_at DESC, service, number DESC"
	if service != "" {
		w.and("service = ?", string(service))
		order = "number DESC"
	}
	query := fmt.Sprintf(`SELECT data FROM releases%s ORDER BY %s LIMIT %d`, &w, order, bounded(limit))
	all, err := list[slipway.Release](ctx, s.reading, query, w.args...)
	return all, s.fail(err, "list releases")
}

// ReleasesOfBuild lists what a build published, by service and number.
func (s *Store) ReleasesOfBuild(ctx context.Context, id slipway.BuildID) ([]slipway.Release, error) {
	if id == "" {
		return nil, nil
	}
	all, err := list[slipway.Release](ctx, s.reading, `SELECT data FROM releases WHERE build <> '' AND build = $1 ORDER BY service, number`, string(id))
	return all, s.fail(err, "list releases")
}

// Services lists all, by name.
func (s *Store) Services(ctx context.Context) ([]slipway.Service, error) {
	all, err := list[slipway.Service](ctx, s.reading, `SELECT data FROM services ORDER BY name`)
	return all, s.fail(err, "list services")
}
