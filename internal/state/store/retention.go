package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

// maxPast bounds how many deployments of a target are looked at for what it
// might go back to.
const maxPast = 500

// Holdings lists the releases whose images are kept, by service and number.
func (s *Store) Holdings(ctx context.Context) ([]slipway.Holding, error) {
	all, err := scan(ctx, s.reading, func(rows *sql.Rows) (h slipway.Holding, err error) {
		var created int64
		var repository string
		var number int
		err = rows.Scan(&h.Service, &h.Number, &h.Image, &created, &repository, &number)
		if h.CreatedAt = fromMicros(created); number != 0 {
			h.BuildSlug = (&slipway.Build{Push: slipway.Push{Repository: slipway.RepositoryName(repository)}, Number: number}).Slug()
		}
		return h, err
	}, `SELECT r.service, r.number, r.image, r.created_at, COALESCE(b.repository, ''), COALESCE(b.number, 0)
		FROM releases r LEFT JOIN builds b ON b.id = r.build WHERE r.pruned_at = 0 ORDER BY r.service, r.number`)
	return all, s.fail(err, "list releases")
}

// Uses lists the deployments by which targets of a service need releases: what
// runs, moves or waits to, what is kept for an instant return, and the last
// revisions of each that were deployed.
func (s *Store) Uses(ctx context.Context, service slipway.ServiceName, revisions int) ([]slipway.Use, error) {
	all, err := s.uses(ctx, s.reading, service, revisions)
	return all, s.fail(err, "find what needs releases")
}

// uses reads what is open before what is stable: what ends in between is seen
// in one of both.
func (s *Store) uses(ctx context.Context, q querier, service slipway.ServiceName, revisions int) ([]slipway.Use, error) {
	open, err := list[slipway.Deployment](ctx, q, `SELECT data FROM deployments WHERE service = $1 AND ended = 0 ORDER BY id`, string(service))
	if err != nil {
		return nil, err
	}
	var all []slipway.Use
	for _, d := range open {
		all = append(all, slipway.Use{Target: d.Target, Release: d.Release, Deployment: d.ID})
		if d.From != 0 {
			all = append(all, slipway.Use{Target: d.Target, Release: d.From, Deployment: d.Stable.Deployment()})
		}
	}
	states, err := scan(ctx, q, func(rows *sql.Rows) (state slipway.State, err error) {
		var specs string
		if state.Target, err = s.scanTarget(rows, &specs); err == nil {
			err = decode(specs, &state.Specs)
		}
		return state, err
	}, `SELECT `+targetColumns+`, specs FROM targets WHERE service = $1 ORDER BY environment`, string(service))
	if err != nil {
		return nil, err
	}
	for _, state := range states {
		needed, err := usesOf(ctx, q, state, revisions)
		if err != nil {
			return nil, err
		}
		all = append(all, needed...)
	}
	return all, nil
}

// usesOf are those of one target at rest or moving.
func usesOf(ctx context.Context, q querier, state slipway.State, revisions int) ([]slipway.Use, error) {
	t := state.Target
	var all []slipway.Use
	for g, spec := range state.Specs {
		all = append(all, slipway.Use{Target: t.ID, Release: spec.Revision.Release, Deployment: g.Deployment()})
	}
	slices.SortFunc(all, func(a, b slipway.Use) int { return int(a.Deployment - b.Deployment) })
	groups := []slipway.GroupID{t.Stable}
	for _, r := range t.Retained {
		groups = append(groups, r.Group)
	}
	for _, g := range groups {
		made, err := list[slipway.Deployment](ctx, q, `SELECT data FROM deployments WHERE id = $1`, int64(g.Deployment()))
		if err != nil {
			return nil, err
		}
		for _, d := range made {
			all = append(all, slipway.Use{Target: t.ID, Release: d.Release, Deployment: d.ID})
		}
	}
	before, err := list[slipway.Revision](ctx, q, `SELECT data FROM revisions WHERE id = $1`, string(t.Previous))
	if err != nil {
		return nil, err
	}
	for _, r := range before {
		all = append(all, slipway.Use{Target: t.ID, Release: r.Release, Deployment: r.Deployment})
	}
	past, err := list[slipway.Deployment](ctx, q, `SELECT data FROM deployments
		WHERE service = $1 AND environment = $2 AND phase = 'succeeded' ORDER BY id DESC LIMIT $3`, string(t.ID.Service), string(t.ID.Environment), maxPast)
	if err != nil {
		return nil, err
	}
	return append(all, lastRevisions(past, revisions)...), nil
}

// lastRevisions are the deployments of the last n revisions; the newest is first
// in past.
func lastRevisions(past []slipway.Deployment, n int) []slipway.Use {
	seen := map[slipway.RevisionID]bool{}
	var all []slipway.Use
	for _, d := range past {
		if !seen[d.Revision] && len(seen) == n {
			break
		}
		seen[d.Revision] = true
		all = append(all, slipway.Use{Target: d.Target, Release: d.Release, Deployment: d.ID})
	}
	return all
}

// PruneReleases marks releases of a service: their images are not kept from at
// on. Those that a target needs by now stay as they are, and nothing can be
// deployed meanwhile; afterwards what is marked cannot. It returns those that it
// has marked.
func (s *Store) PruneReleases(ctx context.Context, service slipway.ServiceName, numbers []int, revisions int, at time.Time) (marked []int, err error) {
	err = s.write(ctx, "mark releases", func(ctx context.Context, t *tx) error {
		marked = nil
		if _, err := t.next(ctx, "deployment", 0); err != nil { // the lock that all share who make deployments
			return err
		}
		uses, err := s.uses(ctx, t, service, revisions)
		if err != nil {
			return err
		}
		for _, n := range numbers {
			if slices.ContainsFunc(uses, func(u slipway.Use) bool { return u.Release == n }) {
				continue
			}
			done, err := t.pruneRelease(ctx, service, n, at)
			if err != nil {
				return err
			}
			if done {
				marked = append(marked, n)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return marked, nil
}

func (t *tx) pruneRelease(ctx context.Context, service slipway.ServiceName, number int, at time.Time) (done bool, err error) {
	r, err := one[slipway.Release](ctx, t, `SELECT data FROM releases WHERE service = $1 AND number = $2 AND pruned_at = 0`+t.store.engine.forUpdate, string(service), number)
	if err != nil {
		return false, ignoreMissing(err)
	}
	r.Pruned = at
	data, err := encode(r)
	if err != nil {
		return false, err
	}
	_, err = t.ExecContext(ctx, `UPDATE releases SET pruned_at = $1, data = $2 WHERE service = $3 AND number = $4`, toMicros(at), data, string(service), number)
	return err == nil, err
}

// checkRelease refuses a release whose image is not kept.
func (t *tx) checkRelease(ctx context.Context, service slipway.ServiceName, number int) error {
	r, err := one[slipway.Release](ctx, t, `SELECT data FROM releases WHERE service = $1 AND number = $2`, string(service), number)
	if err != nil {
		return ignoreMissing(err)
	}
	return r.CheckImage()
}

func ignoreMissing(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}
