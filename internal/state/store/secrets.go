package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/slipway-cd/slipway"
)

// AddSecret makes the next version of a secret. Seal makes the envelope, which
// has to say what version it is; it may be called several times. It returns
// TooLarge when the target would have more than most names, and what seal
// returns as an error; then nothing is written.
func (s *Store) AddSecret(ctx context.Context, by slipway.Secret, most int, seal func(version int) ([]byte, error), events ...slipway.Event) (slipway.Secret, error) {
	var stored slipway.Secret
	err := s.write(ctx, "save a secret", func(ctx context.Context, t *tx) error {
		if _, err := t.next(ctx, "config", 1); err != nil { // who sets something waits for who sets something else
			return err
		}
		all, err := secrets(ctx, t, by.Target)
		if err != nil {
			return err
		}
		stored = by
		stored.Version = 1
		var names []string
		for _, known := range all {
			if known.Name == by.Name {
				stored.Version = max(stored.Version, known.Version+1)
			}
			if !slices.Contains(names, known.Name) {
				names = append(names, known.Name)
			}
		}
		if len(names) >= most && !slices.Contains(names, by.Name) {
			return slipway.Errorf(slipway.TooLarge, "%s has %d secrets already, and can have no more", by.Target, len(names))
		}
		if stored.Sealed, err = seal(stored.Version); err != nil {
			return err
		}
		data, err := encode(stored)
		if err != nil {
			return err
		}
		t.record(events...)
		_, err = t.ExecContext(ctx, `INSERT INTO secrets (service, environment, name, version, data) VALUES ($1, $2, $3, $4, $5)`,
			string(by.Target.Service), string(by.Target.Environment), by.Name, stored.Version, data)
		return err
	})
	if err != nil {
		return slipway.Secret{}, err
	}
	return stored, nil
}

// RetireSecret marks a version of a secret as never to be used again; one that
// is marked already stays as it is. It returns NotFound when there is none, and
// Conflict for the newest: nothing could stand in for it.
func (s *Store) RetireSecret(ctx context.Context, by slipway.Secret, events ...slipway.Event) (slipway.Secret, error) {
	var stored slipway.Secret
	err := s.write(ctx, "retire a secret", func(ctx context.Context, t *tx) error {
		if _, err := t.next(ctx, "config", 1); err != nil {
			return err
		}
		var err error
		stored, err = t.secret(ctx, by)
		if err != nil {
			return noSecret(err, by)
		}
		if !stored.Retired.IsZero() {
			return errUnchanged
		}
		var newest int
		err = t.QueryRowContext(ctx, `SELECT max(version) FROM secrets WHERE service = $1 AND environment = $2 AND name = $3`,
			string(by.Target.Service), string(by.Target.Environment), by.Name).Scan(&newest)
		if err != nil {
			return err
		}
		if newest == by.Version {
			return slipway.Errorf(slipway.Conflict, "%s@%d is the newest version: nothing could stand in for it", by.Name, by.Version).
				Do("Set another value first: slipway secret set %s %s %s", by.Target.Service, by.Target.Environment, by.Name)
		}
		stored.Retired = by.Retired
		t.record(events...)
		return t.saveSecret(ctx, stored)
	})
	if err != nil {
		return slipway.Secret{}, err
	}
	return stored, nil
}

// ResealSecret replaces the envelope of was by another, if that is still what
// is kept; otherwise it does nothing.
func (s *Store) ResealSecret(ctx context.Context, was slipway.Secret, sealed []byte) error {
	return s.write(ctx, "seal a secret anew", func(ctx context.Context, t *tx) error {
		if _, err := t.next(ctx, "config", 1); err != nil {
			return err
		}
		stored, err := t.secret(ctx, was)
		if err != nil {
			return noSecret(err, was)
		}
		if !bytes.Equal(stored.Sealed, was.Sealed) {
			return errUnchanged
		}
		stored.Sealed = sealed
		return t.saveSecret(ctx, stored)
	})
}

// Secrets lists every version of a target's secrets, by name, the newest of
// each first.
func (s *Store) Secrets(ctx context.Context, id slipway.TargetID) ([]slipway.Secret, error) {
	all, err := secrets(ctx, s.reading, id)
	return all, s.fail(err, "list secrets")
}

// EverySecret lists every version of all secrets.
func (s *Store) EverySecret(ctx context.Context) ([]slipway.Secret, error) {
	all, err := list[slipway.Secret](ctx, s.reading, `SELECT data FROM secrets ORDER BY service, environment, name, version DESC`)
	return all, s.fail(err, "list secrets")
}

func secrets(ctx context.Context, q querier, id slipway.TargetID) ([]slipway.Secret, error) {
	return list[slipway.Secret](ctx, q, `SELECT data FROM secrets WHERE service = $1 AND environment = $2 ORDER BY name, version DESC`,
		string(id.Service), string(id.Environment))
}

func (t *tx) secret(ctx context.Context, like slipway.Secret) (slipway.Secret, error) {
	return one[slipway.Secret](ctx, t, `SELECT data FROM secrets WHERE service = $1 AND environment = $2 AND name = $3 AND version = $4`,
		string(like.Target.Service), string(like.Target.Environment), like.Name, like.Version)
}

func (t *tx) saveSecret(ctx context.Context, v slipway.Secret) error {
	data, err := encode(v)
	if err != nil {
		return err
	}
	_, err = t.ExecContext(ctx, `UPDATE secrets SET data = $1 WHERE service = $2 AND environment = $3 AND name = $4 AND version = $5`,
		data, string(v.Target.Service), string(v.Target.Environment), v.Name, v.Version)
	return err
}

func noSecret(err error, like slipway.Secret) error {
	if errors.Is(err, sql.ErrNoRows) {
		return slipway.Errorf(slipway.NotFound, "%s has no secret %s@%d", like.Target, like.Name, like.Version).
			Do("See them: slipway secret list %s %s", like.Target.Service, like.Target.Environment)
	}
	return err
}
