package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"

	"github.com/slipway-cd/slipway"
)

// SetConfig makes the next version of a target's configuration. Change is given
// a copy of the values that are set now, and changes it; an error of it is
// returned, and nothing is written. When it changes nothing, nothing is written
// either, and the version that is there is returned.
func (s *Store) SetConfig(ctx context.Context, by slipway.Config, change func(values map[string]string) error, events ...slipway.Event) (stored slipway.Config, created bool, err error) {
	err = s.write(ctx, "save a configuration", func(ctx context.Context, t *tx) error {
		created = false
		if _, err := t.next(ctx, "config", 1); err != nil { // who sets something waits for who sets something else
			return err
		}
		now, err := newestConfig(ctx, t, by.Target)
		if err != nil {
			return err
		}
		values := map[string]string{}
		maps.Copy(values, now.Values)
		if err := change(values); err != nil {
			return err
		}
		if stored = now; maps.Equal(values, now.Values) {
			return errUnchanged
		}
		stored, created = by, true
		stored.Version, stored.Values = now.Version+1, values
		data, err := encode(stored)
		if err != nil {
			return err
		}
		t.record(events...)
		_, err = t.ExecContext(ctx, `INSERT INTO configs (service, environment, version, data) VALUES ($1, $2, $3, $4)`,
			string(by.Target.Service), string(by.Target.Environment), stored.Version, data)
		return err
	})
	if err != nil {
		return slipway.Config{}, false, err
	}
	return stored, created, nil
}

// newestConfig has version 0 when nothing was ever set.
func newestConfig(ctx context.Context, q querier, id slipway.TargetID) (slipway.Config, error) {
	c, err := one[slipway.Config](ctx, q, `SELECT data FROM configs WHERE service = $1 AND environment = $2 ORDER BY version DESC LIMIT 1`,
		string(id.Service), string(id.Environment))
	if errors.Is(err, sql.ErrNoRows) {
		return slipway.Config{Target: id}, nil
	}
	return c, err
}

// Config reads one version of a target's configuration; 0 is the newest, which
// has version 0 itself when nothing was ever set. It returns NotFound when there
// is no such version.
func (s *Store) Config(ctx context.Context, id slipway.TargetID, version int) (slipway.Config, error) {
	if version == 0 {
		c, err := newestConfig(ctx, s.reading, id)
		return c, s.fail(err, "read a configuration")
	}
	c, err := one[slipway.Config](ctx, s.reading, `SELECT data FROM configs WHERE service = $1 AND environment = $2 AND version = $3`,
		string(id.Service), string(id.Environment), version)
	return c, s.fail(missing(err, "there is no version %d of the configuration of %s", version, id), "read a configuration")
}

// Configs lists at most limit versions of a target's configuration, newest
// first.
func (s *Store) Configs(ctx context.Context, id slipway.TargetID, limit int) ([]slipway.Config, error) {
	query := fmt.Sprintf(`SELECT data FROM configs WHERE service = $1 AND environment = $2 ORDER BY version DESC LIMIT %d`, bounded(limit))
	all, err := list[slipway.Config](ctx, s.reading, query, string(id.Service), string(id.Environment))
	return all, s.fail(err, "list configurations")
}
