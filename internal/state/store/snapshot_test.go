package store_test

import (
	"path/filepath"
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/store"
	"github.com/slipway-cd/slipway/internal/state/store/storetest"
)

// A copy is of one moment; in what is restored of it, nobody who acted since may
// act again.
func TestSnapshot(t *testing.T) {
	url := storetest.SQLite(t)
	s, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	id := slipway.TargetID{Service: "users", Environment: "prod"}
	if _, err := s.EnsureTarget(t.Context(), slipway.Target{ID: id, Kind: slipway.Worker}, nil); err != nil {
		t.Fatal(err)
	}
	before, err := s.Acquire(t.Context(), id, "before", 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.SaveRoute(t.Context(), slipway.Route{Target: id, Fence: before, Port: 7100}); err != nil {
		t.Fatal(err)
	}
	if err := s.SaveRouter(t.Context(), slipway.Router{ID: "r1"}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "copy.db")
	if err := store.Snapshot(t.Context(), url, file); err != nil {
		t.Fatal(err)
	}
	if err := store.Snapshot(t.Context(), url, file); err == nil {
		t.Error("a copy replaced what was there")
	}
	if err := store.Snapshot(t.Context(), "postgres://localhost/x", file); slipway.CodeOf(err) != slipway.Invalid {
		t.Errorf("a server's database: %v", err)
	}
	restored, err := store.Open(t.Context(), "sqlite:"+file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = restored.Close() }()
	if err := restored.Restored(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, routes, err := restored.Routes(t.Context()); err != nil || len(routes) != 1 || routes[0].Fence != before {
		t.Errorf("what serves on is not routed to: %v, %v", routes, err)
	}
	if routers, err := restored.Routers(t.Context()); err != nil || len(routers) > 0 {
		t.Errorf("routers count before they are heard: %v, %v", routers, err)
	}
	after, err := restored.Acquire(t.Context(), id, "after", 1<<40)
	if err != nil {
		t.Fatalf("the lease of the time before still holds: %v", err)
	}
	if !before.Less(after) || after.Epoch != before.Epoch+1 {
		t.Errorf("fence %s before, %s after", before, after)
	}
	d, _, err := restored.CreateDeployment(t.Context(), slipway.Deployment{Target: id, Phase: slipway.Pending}, slipway.Revision{ID: "r-1", Target: id}, 1)
	if err != nil || d.ID < 1000 {
		t.Errorf("deployment %d after a restore, %v: its number may have been given since the backup", d.ID, err)
	}
}
