package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/store"
)

func deploy(t testing.TB, s *store.Store, id slipway.TargetID, key string, release int) slipway.Deployment {
	t.Helper()
	d, _, err := s.CreateDeployment(t.Context(),
		slipway.Deployment{Target: id, Kind: slipway.KindDeploy, Release: release, Phase: slipway.Pending, Key: key, Actor: ada, CreatedAt: born},
		slipway.Revision{ID: slipway.RevisionID(fmt.Sprintf("%s@%d-%s", id, release, key)), Target: id, Release: release}, 3,
		slipway.Event{Kind: slipway.DeploymentAsked, Target: id})
	ok(t, err)
	return d
}

func deployments(t *testing.T, s *store.Store) {
	mailer := slipway.TargetID{Service: "mailer", Environment: "prod"}
	makeTarget(t, s, prod)
	makeTarget(t, s, mailer)

	d, r := Filled[slipway.Deployment](), Filled[slipway.Revision]()
	d.Target, d.Phase, d.Key, r.ID = prod, slipway.Pending, "é", "r1"
	got, created, err := s.CreateDeployment(t.Context(), d, r, 3, slipway.Event{Kind: slipway.DeploymentAsked})
	ok(t, err)
	d.ID, d.Candidate, d.Want, r.Deployment = 1, "g1", 3, 1
	if !created {
		t.Error("not created")
	}
	same(t, "deployment", d, got)
	same(t, "deployment", d, value(s.Deployment(t.Context(), 1))(t))
	same(t, "revision", r, value(s.Revision(t.Context(), "r1"))(t))
	if log := value(s.Events(t.Context(), 0, slipway.EventFilter{Deployment: 1}, 0))(t); len(log) != 1 {
		t.Errorf("events %+v", log)
	}
	deploy(t, s, mailer, "", 1)
	deploy(t, s, mailer, "", 2)

	for _, c := range []struct {
		filter slipway.DeploymentFilter
		limit  int
		want   []slipway.DeploymentID
	}{
		{slipway.DeploymentFilter{}, 0, []slipway.DeploymentID{3, 2, 1}},
		{slipway.DeploymentFilter{}, 1, []slipway.DeploymentID{3}},
		{slipway.DeploymentFilter{Target: mailer}, 0, []slipway.DeploymentID{3, 2}},
		{slipway.DeploymentFilter{Service: "thoughts"}, 0, []slipway.DeploymentID{1}},
		{slipway.DeploymentFilter{Environment: "prod", Open: true}, 0, []slipway.DeploymentID{3, 1}},
		{slipway.DeploymentFilter{Environment: "test"}, 0, nil},
	} {
		var got []slipway.DeploymentID
		for _, d := range value(s.Deployments(t.Context(), c.filter, c.limit))(t) {
			got = append(got, d.ID)
		}
		same(t, fmt.Sprintf("deployments %+v", c.filter), c.want, got)
	}
	// A rollback returns to a revision that is there, which stays as it is.
	_, _, err = s.CreateDeployment(t.Context(), slipway.Deployment{Target: mailer, Kind: slipway.KindRollback}, slipway.Revision{ID: "r1", Release: 99}, 1)
	ok(t, err)
	same(t, "revision returned to", r, value(s.Revision(t.Context(), "r1"))(t))
	_, err = s.Deployment(t.Context(), 99)
	fails(t, slipway.NotFound, err)
	_, err = s.Revision(t.Context(), "unknown")
	fails(t, slipway.NotFound, err)
	for _, key := range []string{"\xff", "a\x00b"} {
		_, _, err = s.CreateDeployment(t.Context(), slipway.Deployment{Target: prod, Key: key}, slipway.Revision{ID: "r9"}, 1)
		fails(t, slipway.Invalid, err)
	}
	_, _, err = s.CreateDeployment(t.Context(), slipway.Deployment{Target: slipway.TargetID{Service: "unknown", Environment: "prod"}}, slipway.Revision{}, 1)
	fails(t, slipway.NotFound, err)
}

func oneKey(t *testing.T, s *store.Store) {
	test := slipway.TargetID{Service: "thoughts", Environment: "test"}
	makeTarget(t, s, prod)
	makeTarget(t, s, test)
	var made atomic.Int32
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			id := prod
			if i%2 == 1 {
				id = test // even for another target
			}
			d, created, err := s.CreateDeployment(t.Context(), slipway.Deployment{Target: id, Phase: slipway.Pending, Key: "job-1"},
				slipway.Revision{ID: slipway.RevisionID(fmt.Sprint("r", i))}, 1, slipway.Event{Kind: slipway.DeploymentAsked})
			if err != nil || d.ID != 1 {
				t.Errorf("deployment %d: %v", d.ID, err)
			}
			if created {
				made.Add(1)
			}
		})
	}
	wg.Wait()
	all := value(s.Deployments(t.Context(), slipway.DeploymentFilter{}, 0))(t)
	if n := value(s.LastEvent(t.Context()))(t); made.Load() != 1 || len(all) != 1 || n != 1 {
		t.Errorf("%d made, %d there, %d events", made.Load(), len(all), n)
	}
	if d := deploy(t, s, prod, "job-2", 2); d.ID != 2 {
		t.Errorf("deployment %d: a number was wasted", d.ID)
	}
}

func supersedes(t *testing.T, s *store.Store) {
	makeTarget(t, s, prod)
	deploy(t, s, prod, "a", 1)
	f := value(s.Acquire(t.Context(), prod, "me", lease))(t)
	moving := value(s.LoadState(t.Context(), prod))(t)
	moving.Deployment.Phase = slipway.Progressing
	_, err := s.CommitState(t.Context(), "me", f, moving)
	ok(t, err)

	deploy(t, s, prod, "b", 2)
	deploy(t, s, prod, "c", 3)
	deploy(t, s, prod, "c", 3) // again: supersedes nothing
	for id, want := range map[slipway.DeploymentID]slipway.Phase{1: slipway.Progressing, 2: slipway.Superseded, 3: slipway.Pending} {
		if d := value(s.Deployment(t.Context(), id))(t); d.Phase != want {
			t.Errorf("deployment %d is %s, want %s", id, d.Phase, want)
		}
	}
	d := value(s.Deployment(t.Context(), 2))(t)
	log := value(s.Events(t.Context(), 0, slipway.EventFilter{Deployment: 2}, 0))(t)
	if len(d.Why) != 1 || !d.FinishedAt.Equal(born) || len(log) != 2 || log[1].Kind != slipway.DeploymentChanged {
		t.Errorf("nothing tells of it: %+v %+v", d, log)
	}
	if d := value(s.LoadState(t.Context(), prod))(t).Deployment; d.ID != 1 {
		t.Errorf("deployment %d is loaded while 1 moves", d.ID)
	}
}

// replaces: what moves is asked to go back in the transaction that keeps the
// deployment that replaces it, and whoever plans for it looks again.
func replaces(t *testing.T, s *store.Store) {
	makeTarget(t, s, prod)
	deploy(t, s, prod, "a", 1)
	f := value(s.Acquire(t.Context(), prod, "me", lease))(t)
	planned := value(s.LoadState(t.Context(), prod))(t)
	planned.Deployment.Phase = slipway.Progressing
	f = value(s.CommitState(t.Context(), "me", f, planned))(t)

	by := slipway.Deployment{Target: prod, Release: 2, Phase: slipway.Pending, Key: "b", Actor: ada, Replace: true, CreatedAt: born}
	for range 2 {
		if d, _, err := s.CreateDeployment(t.Context(), by, slipway.Revision{ID: "r2", Target: prod}, 3); err != nil || d.ID != 2 {
			t.Fatalf("deployment %d, %v", d.ID, err)
		}
	}
	_, err := s.CommitState(t.Context(), "me", f, planned)
	fails(t, slipway.Stale, err)
	now := value(s.LoadState(t.Context(), prod))(t)
	if d := now.Deployment; d.ID != 1 || d.Asked != slipway.AskedAbort || len(d.Why) != 1 || d.Why[0].Text != "replaced by deployment 2" {
		t.Errorf("what moves was not asked to go back, once: %+v", d)
	}
	if log := value(s.Events(t.Context(), 0, slipway.EventFilter{Deployment: 1}, 0))(t); len(log) != 2 || log[1].Actor != ada {
		t.Errorf("nothing tells of it: %+v", log)
	}
	// It goes back already: another one has nothing to ask.
	now.Deployment.Phase = slipway.RollingBack
	f = value(s.CommitState(t.Context(), "me", now.Target.Fence, now))(t)
	by.Key = "c"
	if d, _, err := s.CreateDeployment(t.Context(), by, slipway.Revision{ID: "r3", Target: prod}, 3); err != nil || d.ID != 3 {
		t.Errorf("deployment %d, %v", d.ID, err)
	}
	if is := value(s.Target(t.Context(), prod))(t).Fence; is != f {
		t.Errorf("at %s, want %s as before", is, f)
	}
}

// asItIs: what a person has asked of a target holds for a deployment that was
// thought up before.
func asItIs(t *testing.T, s *store.Store) {
	makeTarget(t, s, prod)
	f := value(s.Acquire(t.Context(), prod, "me", lease))(t)
	change := func(do func(*slipway.Target)) {
		t.Helper()
		now := value(s.LoadState(t.Context(), prod))(t)
		now.Deployment = nil
		do(&now.Target)
		f = value(s.CommitState(t.Context(), "me", f, now))(t)
	}
	change(func(t *slipway.Target) { t.Scale = 5 })
	if d := deploy(t, s, prod, "a", 1); d.Want != 5 {
		t.Errorf("wants %d, where a person asked for 5", d.Want)
	}
	change(func(t *slipway.Target) { t.Removing = true })
	ask := func() error {
		_, _, err := s.CreateDeployment(t.Context(), slipway.Deployment{Target: prod, Phase: slipway.Pending}, slipway.Revision{ID: "r", Target: prod}, 3)
		return err
	}
	fails(t, slipway.Conflict, ask())
	change(func(t *slipway.Target) { t.Removing, t.Port, t.Preview = false, 0, 0 })
	fails(t, slipway.Stale, ask())
	if all := value(s.Deployments(t.Context(), slipway.DeploymentFilter{}, 0))(t); len(all) != 1 {
		t.Errorf("%d deployments", len(all))
	}
}
