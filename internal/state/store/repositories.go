package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/slipway-cd/slipway"
)

// CreateRepository adds a repository. It returns Exists when the name is taken.
func (s *Store) CreateRepository(ctx context.Context, r slipway.Repository, events ...slipway.Event) error {
	return s.write(ctx, "create a repository", func(ctx context.Context, t *tx) error {
		data, err := encode(r)
		if err != nil {
			return err
		}
		_, err = t.ExecContext(ctx, `INSERT INTO repositories (name, last_build, data) VALUES ($1, 0, $2)`, string(r.Name), data)
		if s.isDuplicate(err) {
			return slipway.Errorf(slipway.Exists, "there is a repository %q already", r.Name)
		}
		t.record(events...)
		return err
	})
}

// Repository returns NotFound when there is none of this name.
func (s *Store) Repository(ctx context.Context, name slipway.RepositoryName) (slipway.Repository, error) {
	r, err := one[slipway.Repository](ctx, s.reading, `SELECT data FROM repositories WHERE name = $1`, string(name))
	return r, s.fail(missing(err, "there is no repository %q", name), "read a repository")
}

// Repositories lists all, by name.
func (s *Store) Repositories(ctx context.Context) ([]slipway.Repository, error) {
	all, err := list[slipway.Repository](ctx, s.reading, `SELECT data FROM repositories ORDER BY name`)
	return all, s.fail(err, "list repositories")
}

// Refs are the refs of a repository as last recorded, by name. It is empty for
// a repository that is not known.
func (s *Store) Refs(ctx context.Context, name slipway.RepositoryName) (map[string]slipway.Commit, error) {
	type ref struct{ name, value string }
	all, err := scan(ctx, s.reading, func(rows *sql.Rows) (r ref, err error) {
		return r, rows.Scan(&r.name, &r.value)
	}, `SELECT ref, value FROM refs WHERE repository = $1`, string(name))
	refs := make(map[string]slipway.Commit, len(all))
	for _, r := range all {
		refs[r.name] = slipway.Commit(r.value)
	}
	return refs, s.fail(err, "read refs")
}

// RecordPush records in one transaction the new value of the ref, the default
// branch of the repository when it has none yet and defaultBranch is not "",
// and the build that the push makes, unless b is nil. It numbers the build, and
// puts its slug on events of kind BuildCreated.
//
// Created says that a build was made. The same push (repository, ref, old, new)
// again makes none and records no events: it returns the build of the first
// time. It returns NotFound for an unknown repository, Invalid for a ref that is
// not UTF-8, and Stale when the default branch is another meanwhile: whoever made
// the build has to look again.
func (s *Store) RecordPush(ctx context.Context, p slipway.Push, defaultBranch string, b *slipway.Build, events ...slipway.Event) (stored slipway.Build, created bool, err error) {
	if err := checkText("the name of a ref", p.Ref); err != nil {
		return stored, false, err
	}
	err = s.write(ctx, "record a push", func(ctx context.Context, t *tx) error {
		stored, created = slipway.Build{}, false
		number, branch, err := t.lockRepository(ctx, p.Repository, defaultBranch)
		if err != nil {
			return err
		}
		first, id, err := t.recordDelivery(ctx, p, b)
		if err != nil {
			return err
		}
		if first && defaultBranch != "" && branch != defaultBranch {
			return slipway.Errorf(slipway.Stale, "the default branch of %s is %s, not %s", p.Repository, branch, defaultBranch)
		}
		if err := t.moveRef(ctx, p, first); err != nil {
			return err
		}
		switch {
		case !first && id == "":
			return nil
		case !first:
			stored, err = one[slipway.Build](ctx, t, `SELECT data FROM builds WHERE id = $1`, id)
			return err
		case b != nil:
			stored, created = *b, true
			stored.Number = number
			if err := t.insertBuild(ctx, &stored); err != nil {
				return err
			}
		}
		t.recordBuilt(stored, events)
		return nil
	})
	if err != nil {
		return slipway.Build{}, false, err
	}
	return stored, created, nil
}

// lockRepository keeps other pushes out until the end, fills in the default
// branch when there is none, and returns it with the number that the next build will
// have.
func (t *tx) lockRepository(ctx context.Context, name slipway.RepositoryName, defaultBranch string) (next int, branch string, err error) {
	var data string
	err = t.QueryRowContext(ctx, `SELECT last_build, data FROM repositories WHERE name = $1`+t.store.engine.forUpdate, string(name)).Scan(&next, &data)
	if err != nil {
		return 0, "", missing(err, "there is no repository %q", name)
	}
	var r slipway.Repository
	if err := decode(data, &r); err != nil {
		return 0, "", err
	}
	if r.DefaultBranch != "" || defaultBranch == "" {
		return next + 1, r.DefaultBranch, nil
	}
	r.DefaultBranch = defaultBranch
	if data, err = encode(r); err != nil {
		return 0, "", err
	}
	_, err = t.ExecContext(ctx, `UPDATE repositories SET data = $1 WHERE name = $2`, data, string(name))
	return next + 1, defaultBranch, err
}

// recordDelivery says whether a push is delivered for the first time, and else
// which build it made then.
func (t *tx) recordDelivery(ctx context.Context, p slipway.Push, b *slipway.Build) (first bool, build string, err error) {
	key := []any{string(p.Repository), p.Ref, string(p.Old), string(p.New)}
	err = t.QueryRowContext(ctx, `SELECT build FROM pushes WHERE repository = $1 AND ref = $2 AND old_value = $3 AND new_value = $4`, key...).Scan(&build)
	if !errors.Is(err, sql.ErrNoRows) {
		return false, build, err
	}
	if b != nil {
		build = string(b.ID)
	}
	_, err = t.ExecContext(ctx, `INSERT INTO pushes (repository, ref, old_value, new_value, build) VALUES ($1, $2, $3, $4, $5)`, append(key, build)...)
	return true, build, err
}

// moveRef records where a ref is now. A push that was delivered before moves it
// only from where it says that the ref was: it may come late.
func (t *tx) moveRef(ctx context.Context, p slipway.Push, first bool) error {
	if !first {
		var value string
		err := t.QueryRowContext(ctx, `SELECT value FROM refs WHERE repository = $1 AND ref = $2`, string(p.Repository), p.Ref).Scan(&value)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		was := slipway.Commit(value)
		if came := was == p.Old || was == "" && p.Old.IsZero(); !came {
			return nil
		}
	}
	if p.IsDelete() {
		_, err := t.ExecContext(ctx, `DELETE FROM refs WHERE repository = $1 AND ref = $2`, string(p.Repository), p.Ref)
		return err
	}
	_, err := t.ExecContext(ctx, `INSERT INTO refs (repository, ref, value) VALUES ($1, $2, $3)
		ON CONFLICT (repository, ref) DO UPDATE SET value = excluded.value`, string(p.Repository), p.Ref, string(p.New))
	return err
}
