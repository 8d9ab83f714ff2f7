package store

import (
	"cmp"
	"context"
	"fmt"

	"github.com/slipway-cd/slipway"
)

// Build returns NotFound when there is none.
func (s *Store) Build(ctx context.Context, id slipway.BuildID) (slipway.Build, error) {
	b, err := one[slipway.Build](ctx, s.reading, `SELECT data FROM builds WHERE id = $1`, string(id))
	return b, s.fail(missing(err, "there is no build %q", id), "read a build")
}

// BuildByNumber returns NotFound when the repository has no such build.
func (s *Store) BuildByNumber(ctx context.Context, r slipway.RepositoryName, number int) (slipway.Build, error) {
	b, err := one[slipway.Build](ctx, s.reading, `SELECT data FROM builds WHERE repository = $1 AND number = $2`, string(r), number)
	return b, s.fail(missing(err, "there is no build %s/%d", r, number), "read a build")
}

// Builds lists at most limit builds that pushes made of a repository, or of all
// when it is "", newest first.
func (s *Store) Builds(ctx context.Context, r slipway.RepositoryName, limit int) ([]slipway.Build, error) {
	var w where
	w.and("task = ''")
	order := "id"
	if r != "" {
		w.and("repository = ?", string(r))
		order = "number"
	}
	query := fmt.Sprintf(`SELECT data FROM builds%s ORDER BY %s DESC LIMIT %d`, &w, order, bounded(limit))
	builds, err := list[slipway.Build](ctx, s.reading, query, w.args...)
	return builds, s.fail(err, "list builds")
}

// OpenBuilds lists all builds that have not ended, those of tasks as well,
// oldest first.
func (s *Store) OpenBuilds(ctx context.Context) ([]slipway.Build, error) {
	builds, err := list[slipway.Build](ctx, s.reading, `SELECT data FROM builds WHERE ended = 0 ORDER BY id`)
	return builds, s.fail(err, "list builds")
}

// BuildOfJob returns NotFound when no build has such a job.
func (s *Store) BuildOfJob(ctx context.Context, job slipway.JobID) (slipway.BuildID, error) {
	var id string
	err := s.reading.QueryRowContext(ctx, `SELECT build FROM jobs WHERE id = $1`, string(job)).Scan(&id)
	return slipway.BuildID(id), s.fail(missing(err, "there is no job %q", job), "find the build of a job")
}

// UpdateBuild changes a build under a lock, so that no other change is lost:
// fn gets it as stored and changes it in place. The build and the events that
// fn returns are written in one transaction. When fn fails, nothing is, and its
// error is returned as it is. Fn may run again, and does nothing but look and
// change.
//
// It returns NotFound when there is no such build.
func (s *Store) UpdateBuild(ctx context.Context, id slipway.BuildID, fn func(*slipway.Build) ([]slipway.Event, error)) (slipway.Build, error) {
	var b slipway.Build
	var refused error
	err := s.write(ctx, "save a build", func(ctx context.Context, t *tx) error {
		b, refused = slipway.Build{}, nil
		var before string
		err := t.QueryRowContext(ctx, `SELECT data FROM builds WHERE id = $1`+t.store.engine.forUpdate, string(id)).Scan(&before)
		if err != nil {
			return missing(err, "there is no build %q", id)
		}
		if err := decode(before, &b); err != nil {
			return err
		}
		known := jobIDs(&b)
		events, err := fn(&b)
		if err != nil {
			refused = err
			return errUnchanged
		}
		t.record(events...)
		return t.updateBuild(ctx, &b, before, known)
	})
	if err = cmp.Or(refused, err); err != nil {
		return slipway.Build{}, err
	}
	return b, nil
}

func (t *tx) updateBuild(ctx context.Context, b *slipway.Build, before string, known map[slipway.JobID]bool) error {
	data, err := encode(b)
	if err != nil {
		return err
	}
	if data == before {
		if len(t.events) == 0 {
			return errUnchanged
		}
		return nil
	}
	_, err = t.ExecContext(ctx, `UPDATE builds SET ended = $1, data = $2 WHERE id = $3`, flag(b.State.Ended()), data, string(b.ID))
	if err != nil {
		return err
	}
	return t.insertJobs(ctx, b, known)
}

func (t *tx) insertBuild(ctx context.Context, b *slipway.Build) error {
	data, err := encode(b)
	if err != nil {
		return err
	}
	_, err = t.ExecContext(ctx, `INSERT INTO builds (id, repository, number, ended, task, data) VALUES ($1, $2, $3, $4, $5, $6)`,
		string(b.ID), string(b.Push.Repository), b.Number, flag(b.State.Ended()), taskOf(b), data)
	if err != nil {
		return err
	}
	_, err = t.ExecContext(ctx, `UPDATE repositories SET last_build = $1 WHERE name = $2`, b.Number, string(b.Push.Repository))
	if err != nil {
		return err
	}
	return t.insertJobs(ctx, b, nil)
}

// recordBuilt records the events of a build that was made, or of none. Those that
// tell of its making get its slug.
func (t *tx) recordBuilt(b slipway.Build, events []slipway.Event) {
	for _, e := range events {
		if e.Kind == slipway.BuildCreated && b.Number > 0 {
			e.Build = b.Slug()
		}
		t.record(e)
	}
}

// insertJobs adds the jobs of b that are not known to the index of jobs.
func (t *tx) insertJobs(ctx context.Context, b *slipway.Build, known map[slipway.JobID]bool) error {
	for _, j := range b.Jobs {
		if known[j.ID] {
			continue
		}
		if _, err := t.ExecContext(ctx, `INSERT INTO jobs (id, build) VALUES ($1, $2)`, string(j.ID), string(b.ID)); err != nil {
			return err
		}
	}
	return nil
}

func jobIDs(b *slipway.Build) map[slipway.JobID]bool {
	ids := make(map[slipway.JobID]bool, len(b.Jobs))
	for _, j := range b.Jobs {
		ids[j.ID] = true
	}
	return ids
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
