// Package storetest is what a database must do to keep Slipway's state: the
// conformance suite that SQLite and PostgreSQL pass alike.
package storetest

import (
	"errors"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/store"
)

// Run runs the suite. Fresh makes an empty database, which ends with the test,
// and returns its URL.
func Run(t *testing.T, fresh func(testing.TB) string) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *store.Store)
	}{
		{"repositories", repositories},
		{"pushes", pushes},
		{"a push twice makes one build", pushTwice},
		{"refs follow pushes", refs},
		{"builds", builds},
		{"updates of a build do not lose each other", updateRaces},
		{"a refused update writes nothing", updateRefused},
		{"a task has one build", tasks},
		{"chunks", chunks},
		{"agents", agents},
		{"users", users},
		{"tokens", tokens},
		{"a token is taken once", tokenTakenOnce},
		{"evidence", evidence},
		{"placebo", placebo},
		{"releases", releases},
		{"a release twice is one", releaseTwice},
		{"a service stays in its repository", serviceMoves},
		{"what is needed is kept", retention},
		{"a deployment and a mark at the same time", retentionRaces},
		{"logs and events go with age", expiry},
		{"targets", targets},
		{"ports are given once", ports},
		{"previews have ports of their own", previews},
		{"deployments", deployments},
		{"one key deploys once", oneKey},
		{"a newer deployment supersedes", supersedes},
		{"a deployment replaces what moves", replaces},
		{"nothing starts by a plan from before a lock", outdates},
		{"a deployment finds its target as it is", asItIs},
		{"a lease has one owner", leases},
		{"leases end by database time", leaseEnds},
		{"state", state},
		{"a stale owner cannot commit", staleOwner},
		{"an ended deployment stays ended", endedStays},
		{"commits race", commitsRace},
		{"routes", routes},
		{"routers", routers},
		{"declarations", declarations},
		{"an environment that is lived in stays", livedIn},
		{"locks", locks},
		{"locks end by database time", locksEnd},
		{"approvals", approvals},
		{"configuration", configs},
		{"configuration set at the same time", configRaces},
		{"secrets", secrets},
		{"secrets set at the same time", secretRaces},
		{"events", events},
		{"events are seen in the order of commits", eventOrder},
		{"every field is kept", everyField},
		{"the clock", clock},
		{"a canceled write", canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, open(t, fresh(t)))
		})
	}
	for _, c := range []struct {
		name string
		test func(t *testing.T, url string)
	}{
		{"opening again finds everything", openAgain},
		{"opening at the same time", openTogether},
		{"a newer schema is refused", newerSchema},
		{"a restore changes the epoch", restored},
		{"kill -9 loses no acknowledged commit", killed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, fresh(t))
		})
	}
}

func open(t testing.TB, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// value is for calls that must succeed.
func value[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		ok(t, err)
		return v
	}
}

// same compares what went in with what came out; empty and nil are the same.
func same(t testing.TB, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
		t.Errorf("%s is not what was stored (-want +got):\n%s", what, diff)
	}
}

// fails wants an error of one code, with a message that tells no SQL.
func fails(t testing.TB, want slipway.Code, err error) {
	t.Helper()
	e, ours := errors.AsType[*slipway.Error](err)
	if !ours || e.Code != want {
		t.Errorf("want an error with code %s, got %v", want, err)
	}
}
