package storetest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/store"
)

const lease = time.Minute

func leases(t *testing.T, s *store.Store) {
	_, err := s.Acquire(t.Context(), prod, "me", lease)
	fails(t, slipway.NotFound, err)
	makeTarget(t, s, prod)
	var owners atomic.Int32
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			f, err := s.Acquire(t.Context(), prod, string(rune('a'+i)), lease)
			if err == nil {
				owners.Add(1)
				same(t, "fence", slipway.Fence{Epoch: s.Epoch(), Generation: 1}, f)
				return
			}
			fails(t, slipway.Conflict, err)
		})
	}
	wg.Wait()
	if n := owners.Load(); n != 1 {
		t.Fatalf("%d owners", n)
	}
	target := value(s.Target(t.Context(), prod))(t)
	now := value(s.Now(t.Context()))(t)
	if left := target.OwnedTil.Sub(now); left < lease-5*time.Second || left > lease {
		t.Errorf("the lease of %s ends in %s", target.Owner, left)
	}
	f := value(s.Acquire(t.Context(), prod, target.Owner, lease))(t)
	if f.Generation != 1 {
		t.Errorf("renewing a lease made generation %d", f.Generation)
	}
}

func leaseEnds(t *testing.T, s *store.Store) {
	makeTarget(t, s, prod)
	value(s.Acquire(t.Context(), prod, "old", 300*time.Millisecond))(t)
	_, err := s.Acquire(t.Context(), prod, "new", lease)
	fails(t, slipway.Conflict, err)
	time.Sleep(310 * time.Millisecond) // by the clock of the database, which a test cannot move
	if f := value(s.Acquire(t.Context(), prod, "new", lease))(t); f.Generation != 2 {
		t.Errorf("generation %d after changing hands", f.Generation)
	}
	_, err = s.Acquire(t.Context(), prod, "old", lease)
	fails(t, slipway.Conflict, err)
	same(t, "what one without leases had", []slipway.TargetID{}, value(s.EndLeases(t.Context(), "old"))(t))
	_, err = s.Acquire(t.Context(), prod, "newest", lease)
	fails(t, slipway.Conflict, err)
	same(t, "what a dead one had", []slipway.TargetID{prod}, value(s.EndLeases(t.Context(), "new"))(t))
	if f := value(s.Acquire(t.Context(), prod, "newest", lease))(t); f.Generation != 3 {
		t.Errorf("generation %d after a dead owner's lease was ended", f.Generation)
	}
}

func state(t *testing.T, s *store.Store) {
	_, err := s.LoadState(t.Context(), prod)
	fails(t, slipway.NotFound, err)
	target := makeTarget(t, s, prod)
	empty := value(s.LoadState(t.Context(), prod))(t)
	same(t, "state of a new target", slipway.State{Target: target}, empty)

	deploy(t, s, prod, "", 1)
	f := value(s.Acquire(t.Context(), prod, "me", lease))(t)
	next := value(s.LoadState(t.Context(), prod))(t)
	if next.Deployment == nil || next.Deployment.Want != 3 || next.Target.Owner != "me" || next.Target.Fence != f {
		t.Fatalf("loaded %+v", next)
	}
	filled := Filled[slipway.State]()
	was := next.Target
	next.Target = filled.Target
	next.Target.ID, next.Target.Kind, next.Target.Port, next.Target.Preview = prod, was.Kind, was.Port, was.Preview
	next.Target.Fence, next.Target.Owner, next.Target.OwnedTil = f, "me", was.OwnedTil
	next.Specs, next.Draining, next.Route = filled.Specs, filled.Draining, filled.Route
	next.Deployment.Phase, next.Deployment.At = slipway.Progressing, 2
	committed := value(s.CommitState(t.Context(), "me", f, next, slipway.Event{Kind: slipway.DeploymentPlanned, Target: prod}))(t)
	if committed != f.Next() {
		t.Errorf("committed %s after %s", committed, f)
	}
	next.Target.Fence = committed
	same(t, "state", next, value(s.LoadState(t.Context(), prod))(t))
	same(t, "deployment", *next.Deployment, value(s.Deployment(t.Context(), 1))(t))
	same(t, "target", next.Target, value(s.Target(t.Context(), prod))(t))
	if log := value(s.Events(t.Context(), 1, slipway.EventFilter{Target: prod}, 0))(t); len(log) != 1 {
		t.Errorf("events %+v", log)
	}

	next.Deployment.Phase = slipway.Succeeded
	next.Specs, next.Draining, next.Route = nil, nil, nil
	committed = value(s.CommitState(t.Context(), "me", committed, next))(t)
	next.Deployment, next.Target.Fence = nil, committed
	same(t, "state", next, value(s.LoadState(t.Context(), prod))(t))
}

func staleOwner(t *testing.T, s *store.Store) {
	makeTarget(t, s, prod)
	deploy(t, s, prod, "", 1)
	f := value(s.Acquire(t.Context(), prod, "me", lease))(t)
	next := value(s.LoadState(t.Context(), prod))(t)
	before := value(s.LastEvent(t.Context()))(t)
	changed := next
	changed.Target.Want = 99
	changed.Deployment = new(*next.Deployment)
	changed.Deployment.Phase = slipway.Progressing
	for what, c := range map[string]struct {
		owner string
		fence slipway.Fence
	}{
		"another owner":        {"you", f},
		"an older generation":  {"me", slipway.Fence{Epoch: f.Epoch, Generation: f.Generation - 1}},
		"a future generation":  {"me", f.Next()},
		"another epoch":        {"me", slipway.Fence{Epoch: f.Epoch + 1, Generation: f.Generation}},
		"nobody in particular": {"", slipway.Fence{}},
	} {
		_, err := s.CommitState(t.Context(), c.owner, c.fence, changed, slipway.Event{Text: what})
		fails(t, slipway.Stale, err)
	}
	same(t, "state", next, value(s.LoadState(t.Context(), prod))(t))
	if n := value(s.LastEvent(t.Context()))(t); n != before {
		t.Errorf("%d events of what was refused", n-before)
	}
	changed.Target.ID.Service = "unknown"
	_, err := s.CommitState(t.Context(), "me", f, changed)
	fails(t, slipway.NotFound, err)
}

func endedStays(t *testing.T, s *store.Store) {
	makeTarget(t, s, prod)
	deploy(t, s, prod, "a", 1)
	f := value(s.Acquire(t.Context(), prod, "me", lease))(t)
	loaded := value(s.LoadState(t.Context(), prod))(t)
	deploy(t, s, prod, "b", 2) // while a plan is made for the first
	loaded.Deployment.Phase = slipway.Progressing
	_, err := s.CommitState(t.Context(), "me", f, loaded)
	fails(t, slipway.Stale, err)
	if d := value(s.Deployment(t.Context(), 1))(t); d.Phase != slipway.Superseded {
		t.Errorf("deployment 1 is %s", d.Phase)
	}
	again := value(s.LoadState(t.Context(), prod))(t)
	if again.Deployment.ID != 2 || again.Target.Fence != f {
		t.Errorf("loaded deployment %d at %s", again.Deployment.ID, again.Target.Fence)
	}
	again.Deployment.Phase = slipway.Cancelled
	value(s.CommitState(t.Context(), "me", f, again))(t)
	if left := value(s.LoadState(t.Context(), prod))(t).Deployment; left != nil {
		t.Errorf("deployment %d is %s and still loaded", left.ID, left.Phase)
	}
}

func commitsRace(t *testing.T, s *store.Store) {
	makeTarget(t, s, prod)
	f := value(s.Acquire(t.Context(), prod, "me", lease))(t)
	next := value(s.LoadState(t.Context(), prod))(t)
	for range 5 {
		var won atomic.Int32
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				_, err := s.CommitState(t.Context(), "me", f, next, slipway.Event{Kind: slipway.TargetChanged})
				if err == nil {
					won.Add(1)
					return
				}
				fails(t, slipway.Stale, err)
			})
		}
		wg.Wait()
		if n := won.Load(); n != 1 {
			t.Fatalf("%d have committed over %s", n, f)
		}
		f = f.Next()
	}
	if n := value(s.LastEvent(t.Context()))(t); n != 5 {
		t.Errorf("%d events of 5 commits", n)
	}
}
