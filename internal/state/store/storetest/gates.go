package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/store"
)

func declarations(t *testing.T, s *store.Store) {
	d := value(s.Declaration(t.Context()))(t)
	same(t, "what is builtin", slipway.BuiltinEnvironments, d.Environments)
	if d.Version != 0 {
		t.Errorf("what is builtin is version %d", d.Version)
	}
	first := Filled[slipway.Declaration]()
	first.Source = "environments:\n"
	got := value(s.Declare(t.Context(), first, 0, slipway.Event{Kind: slipway.EnvironmentsDeclared}))(t)
	first.Version = 1
	same(t, "declaration", first, got)
	same(t, "declaration", first, value(s.Declaration(t.Context()))(t))
	same(t, "environments", first.Environments, value(s.Environments(t.Context()))(t))

	_, err := s.Declare(t.Context(), first, 0)
	fails(t, slipway.Stale, err)
	second := value(s.Declare(t.Context(), slipway.Declaration{Environments: slipway.BuiltinEnvironments}, 1))(t)
	same(t, "declarations", []slipway.Declaration{second, first}, value(s.Declarations(t.Context(), 10))(t))
	if n := len(value(s.Events(t.Context(), 0, slipway.EventFilter{}, 0))(t)); n != 1 {
		t.Errorf("%d events", n)
	}
}

func livedIn(t *testing.T, s *store.Store) {
	only := func(names ...slipway.EnvironmentName) slipway.Declaration {
		var d slipway.Declaration
		for _, n := range names {
			d.Environments = append(d.Environments, slipway.Environment{Name: n})
		}
		return d
	}
	makeTarget(t, s, prod) // that nothing was ever deployed to
	value(s.Declare(t.Context(), only("test"), 0))(t)
	deploy(t, s, prod, "", 1)
	_, err := s.Declare(t.Context(), only("test"), 1)
	fails(t, slipway.Conflict, err)
	value(s.Declare(t.Context(), only("test", "prod"), 1))(t)
}

func locks(t *testing.T, s *store.Store) {
	now := value(s.Now(t.Context()))(t)
	all := Filled[slipway.Lock]()
	all.Target, all.Until = slipway.TargetID{Environment: "prod"}, now.Add(time.Hour)
	one := slipway.Lock{ID: "one", Target: prod, Why: "mine", Actor: ada, At: now, Until: now.Add(time.Hour)}
	value(s.Lock(t.Context(), one, slipway.Event{Kind: slipway.LockTaken}))(t)
	value(s.Lock(t.Context(), all))(t)
	same(t, "locks", []slipway.Lock{all, one}, value(s.Locks(t.Context()))(t))

	other := one
	other.ID, other.Actor = "other", slipway.Actor{Kind: slipway.ActorUser, Name: "grace"}
	held, err := s.Lock(t.Context(), other)
	fails(t, slipway.Exists, err)
	same(t, "the lock that holds", one, held)
	fails(t, slipway.NotFound, s.Unlock(t.Context(), other))

	longer := one
	longer.ID, longer.Until = "longer", now.Add(2*time.Hour)
	value(s.Lock(t.Context(), longer))(t)
	same(t, "locks", []slipway.Lock{all, longer}, value(s.Locks(t.Context()))(t))
	fails(t, slipway.NotFound, s.Unlock(t.Context(), one))
	ok(t, s.Unlock(t.Context(), longer, slipway.Event{Kind: slipway.LockReleased}))
	fails(t, slipway.NotFound, s.Unlock(t.Context(), longer))
	same(t, "locks", []slipway.Lock{all}, value(s.Locks(t.Context()))(t))
}

// outdates: who has judged a gate before it was closed commits nothing.
func outdates(t *testing.T, s *store.Store) {
	now := value(s.Now(t.Context()))(t)
	test := slipway.TargetID{Service: "thoughts", Environment: "test"}
	mailer := slipway.TargetID{Service: "mailer", Environment: "prod"}
	states := map[slipway.TargetID]slipway.State{}
	for _, id := range []slipway.TargetID{prod, test, mailer} {
		makeTarget(t, s, id)
		value(s.Acquire(t.Context(), id, "me", lease))(t)
		states[id] = value(s.LoadState(t.Context(), id))(t)
	}
	stale := func(when string, want ...slipway.TargetID) {
		t.Helper()
		for id, before := range states {
			_, err := s.CommitState(t.Context(), "me", before.Target.Fence, before)
			if got := slipway.CodeOf(err) == slipway.Stale; got != slices.Contains(want, id) || err != nil && !got {
				t.Errorf("%s, a plan for %s from before: %v", when, id, err)
			}
			states[id] = value(s.LoadState(t.Context(), id))(t)
		}
	}
	stale("untouched")
	value(s.Lock(t.Context(), slipway.Lock{ID: "one", Target: prod, Actor: ada, Until: now.Add(time.Hour)}))(t)
	stale("a service locked", prod)
	value(s.Lock(t.Context(), slipway.Lock{ID: "all", Target: slipway.TargetID{Environment: "prod"}, Actor: ada, Until: now.Add(time.Hour)}))(t)
	stale("an environment locked", prod, mailer)
	value(s.Declare(t.Context(), slipway.Declaration{Environments: slipway.BuiltinEnvironments}, 0))(t)
	stale("declared anew", prod, mailer, test)
}

func locksEnd(t *testing.T, s *store.Store) {
	now := value(s.Now(t.Context()))(t)
	value(s.Lock(t.Context(), slipway.Lock{ID: "one", Target: prod, Actor: ada, Until: now.Add(50 * time.Millisecond)}))(t)
	time.Sleep(60 * time.Millisecond) // by the clock of the database, which a test cannot move
	if held := value(s.Locks(t.Context()))(t); len(held) > 0 {
		t.Errorf("holds after its end: %v", held)
	}
	grace := slipway.Actor{Kind: slipway.ActorUser, Name: "grace"}
	value(s.Lock(t.Context(), slipway.Lock{ID: "two", Target: prod, Actor: grace, Until: now.Add(time.Hour)}))(t)
}

func approvals(t *testing.T, s *store.Store) {
	makeTarget(t, s, prod)
	d := deploy(t, s, prod, "", 1)
	a := Filled[slipway.Approval]()
	a.Deployment, a.Actor = d.ID, ada
	ok(t, s.Approve(t.Context(), a, slipway.Event{Kind: slipway.DeploymentApproved, Deployment: d.ID}))
	a.Digest = "sha256:2"
	ok(t, s.Approve(t.Context(), a))
	grace := slipway.Approval{Deployment: d.ID, Actor: slipway.Actor{Kind: slipway.ActorUser, Name: "grace"}}
	ok(t, s.Approve(t.Context(), grace))
	same(t, "approvals", []slipway.Approval{a, grace}, value(s.Approvals(t.Context(), d.ID))(t))
	if all := value(s.Approvals(t.Context(), d.ID+1))(t); len(all) > 0 {
		t.Errorf("approvals of another: %v", all)
	}
}
