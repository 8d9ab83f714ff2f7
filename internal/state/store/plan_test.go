package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
)

// What is asked often finds its rows by an index, however much has been before.
func TestOftenAskedIsIndexed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "slipway.db")
	s, err := Open(t.Context(), "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	ctx := t.Context()
	target := slipway.TargetID{Service: "web", Environment: "prod"}
	if _, err := s.EnsureTarget(ctx, slipway.Target{ID: target, Kind: slipway.Worker}, nil); err != nil {
		t.Fatal(err)
	}
	heard := &ear{driver: s.reading.Driver(), dsn: sqliteDSN(path, "_txlock", "immediate")}
	s.reading, s.writing = sql.OpenDB(heard), sql.OpenDB(heard)

	for _, c := range []struct {
		question string
		ask      func() error
		index    string
	}{
		{"events of a build", func() error { return failure(s.Events(ctx, 0, slipway.EventFilter{Build: "web/1"}, 10)) }, "events_of_build"},
		{"events of a deployment", func() error { return failure(s.Events(ctx, 0, slipway.EventFilter{Deployment: 1}, 10)) }, "events_of_deployment"},
		{"events of a target", func() error { return failure(s.Events(ctx, 0, slipway.EventFilter{Target: target}, 10)) }, "events_of_target"},
		{"the newest events of a target", func() error { return failure(s.EventBefore(ctx, slipway.EventFilter{Target: target}, 10)) }, "events_of_target"},
		{"the build of a task", func() error { _, err := s.BuildOfTask(ctx, "1/tests"); return ignore(err, slipway.NotFound) }, "builds_of_tasks"},
		{"the releases of a build", func() error { return failure(s.ReleasesOfBuild(ctx, "b")) }, "releases_of_build"},
		{"logs that go", func() error { return failure(s.OldLogs(ctx, time.Now())) }, "releases_of_build"},
		{"all that moves", func() error { return failure(s.Deployments(ctx, slipway.DeploymentFilter{Open: true}, 10)) }, "deployments_open_by_id"},
		{"what moves in an environment", func() error {
			return failure(s.Deployments(ctx, slipway.DeploymentFilter{Environment: "prod", Open: true}, 10))
		}, "deployments_open_by_id"},
		{"what moves a target", func() error {
			return failure(s.Deployments(ctx, slipway.DeploymentFilter{Target: target, Open: true}, 10))
		}, "deployments_open"},
		{"the state of a target", func() error { return failure(s.LoadState(ctx, target)) }, "deployments_open"},
		{"a deployment by its key", func() error {
			_, _, err := s.CreateDeployment(ctx, slipway.Deployment{Target: target, Key: "k"}, slipway.Revision{ID: "r"}, 1)
			return err
		}, "deployments_key"},
	} {
		heard.queries = nil
		if err := c.ask(); err != nil {
			t.Errorf("%s: %v", c.question, err)
			continue
		}
		plans := heard.plans(t, s)
		if !slices.ContainsFunc(plans, func(step string) bool { return strings.HasSuffix(before(step, " ("), " "+c.index) }) {
			t.Errorf("%s: not by %s:\n%s", c.question, c.index, strings.Join(plans, "\n"))
		}
	}
}

func failure[T any](_ T, err error) error { return err }

func ignore(err error, code slipway.Code) error {
	if slipway.CodeOf(err) == code {
		return nil
	}
	return err
}

func before(s, separator string) string {
	head, _, _ := strings.Cut(s, separator)
	return head
}

// ear connects to a database, and hears what it is asked.
type ear struct {
	driver  driver.Driver
	dsn     string
	queries []string
}

func (e *ear) Driver() driver.Driver { return e.driver }

func (e *ear) Connect(context.Context) (driver.Conn, error) {
	c, err := e.driver.Open(e.dsn)
	return &heardConn{c, e}, err
}

// plans are the steps by which SQLite answers the selects that were heard.
func (e *ear) plans(t *testing.T, s *Store) []string {
	var steps []string
	for _, q := range slices.Clone(e.queries) {
		if !strings.HasPrefix(q, "SELECT") {
			continue
		}
		all, err := scan(t.Context(), s.reading, func(rows *sql.Rows) (step string, err error) {
			var id, parent, unused int
			return step, rows.Scan(&id, &parent, &unused, &step)
		}, "EXPLAIN QUERY PLAN "+q, make([]any, strings.Count(q, "$"))...)
		if err != nil {
			t.Fatal(q, err)
		}
		steps = append(steps, all...)
	}
	return steps
}

type heardConn struct {
	driver.Conn
	ear *ear
}

func (c *heardConn) Prepare(query string) (driver.Stmt, error) {
	c.ear.queries = append(c.ear.queries, query)
	return c.Conn.Prepare(query)
}
