package storetest

import (
	"sync"
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/store"
)

// everyField keeps the vocabulary's large nouns with each field set.
func everyField(t *testing.T, s *store.Store) {
	makeRepository(t, s)
	b := Filled[slipway.Build]()
	b.Push.Repository, b.Push.Ref = repo, "refs/heads/é"
	got, _, err := s.RecordPush(t.Context(), b.Push, "", &b)
	ok(t, err)
	b.Number = 1
	same(t, "build", b, got)
	same(t, "build", b, value(s.Build(t.Context(), b.ID))(t))
	b.Jobs[0].Attempts[0].ExitStatus++
	got, err = s.UpdateBuild(t.Context(), b.ID, func(stored *slipway.Build) ([]slipway.Event, error) {
		*stored = b
		return nil, nil
	})
	ok(t, err)
	same(t, "build", b, got)
	same(t, "build", b, value(s.Build(t.Context(), b.ID))(t))
}

func openAgain(t *testing.T, url string) {
	s, err := store.Open(t.Context(), url)
	ok(t, err)
	makeRepository(t, s)
	b := makeBuild(t, s, "b", first)
	makeTarget(t, s, prod)
	d := deploy(t, s, prod, "key", 1)
	f := value(s.Acquire(t.Context(), prod, "me", lease))(t)
	state := value(s.LoadState(t.Context(), prod))(t)
	state.Target.Fence = value(s.CommitState(t.Context(), "me", f, state))(t)
	events := value(s.Events(t.Context(), 0, slipway.EventFilter{}, 0))(t)
	ok(t, s.Close())

	s = open(t, url)
	same(t, "build", b, value(s.Build(t.Context(), "b"))(t))
	same(t, "deployment", d, deploy(t, s, prod, "key", 1))
	same(t, "state", state, value(s.LoadState(t.Context(), prod))(t))
	same(t, "events", events, value(s.Events(t.Context(), 0, slipway.EventFilter{}, 0))(t))
	if next := deploy(t, s, prod, "", 2); next.ID != 2 {
		t.Errorf("deployment %d follows 1", next.ID)
	}
}

func openTogether(t *testing.T, url string) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := store.Open(t.Context(), url)
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.AppendEvents(t.Context(), slipway.Event{}); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := value(open(t, url).LastEvent(t.Context()))(t); n != 4 {
		t.Errorf("%d events of 4 openings", n)
	}
}
