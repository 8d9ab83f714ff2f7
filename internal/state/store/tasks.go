package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/slipway-cd/slipway"
)

// CreateTask keeps the build of a task and numbers it. When the task has a
// build already, nothing is written, created is false and that one is returned.
// Events of kind build.created get the build's slug. It returns NotFound for an
// unknown repository.
func (s *Store) CreateTask(ctx context.Context, b slipway.Build, events ...slipway.Event) (stored slipway.Build, created bool, err error) {
	err = s.write(ctx, "save a task", func(ctx context.Context, t *tx) error {
		stored, created = b, false
		number, _, err := t.lockRepository(ctx, b.Push.Repository, "")
		if err != nil {
			return err
		}
		first, err := buildOfTask(ctx, t, b.Task.ID)
		if !errors.Is(err, sql.ErrNoRows) {
			if stored = first; err == nil {
				err = errUnchanged
			}
			return err
		}
		stored.Number, created = number, true
		if err := t.insertBuild(ctx, &stored); err != nil {
			return err
		}
		t.recordBuilt(stored, events)
		return nil
	})
	if err != nil {
		return slipway.Build{}, false, err
	}
	return stored, created, nil
}

// BuildOfTask returns NotFound when the task was never asked for.
func (s *Store) BuildOfTask(ctx context.Context, id slipway.TaskID) (slipway.Build, error) {
	b, err := buildOfTask(ctx, s.reading, id)
	return b, s.fail(missing(err, "there is no task %q", id), "read the build of a task")
}

// TaskBuilds lists at most limit builds of tasks, newest first.
func (s *Store) TaskBuilds(ctx context.Context, limit int) ([]slipway.Build, error) {
	query := fmt.Sprintf(`SELECT data FROM builds WHERE task <> '' ORDER BY id DESC LIMIT %d`, bounded(limit))
	builds, err := list[slipway.Build](ctx, s.reading, query)
	return builds, s.fail(err, "list the builds of tasks")
}

func buildOfTask(ctx context.Context, q querier, id slipway.TaskID) (slipway.Build, error) {
	return one[slipway.Build](ctx, q, `SELECT data FROM builds WHERE task <> '' AND task = $1`, string(id))
}

// taskOf is the task that a build runs, or "".
func taskOf(b *slipway.Build) string {
	if b.Task == nil {
		return ""
	}
	return string(b.Task.ID)
}
