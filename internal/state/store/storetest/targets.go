package storetest

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/store"
)

var prod = slipway.TargetID{Service: "thoughts", Environment: "prod"}

// nextPort gives the first free one from 7100 up.
func nextPort(taken []int) (int, error) {
	port := 7100
	for slices.Contains(taken, port) {
		port++
	}
	return port, nil
}

func makeTarget(t testing.TB, s *store.Store, id slipway.TargetID) slipway.Target {
	t.Helper()
	return value(s.EnsureTarget(t.Context(), slipway.Target{ID: id, Kind: slipway.Web}, nextPort))(t)
}

func targets(t *testing.T, s *store.Store) {
	web := makeTarget(t, s, prod)
	want := slipway.Target{ID: prod, Kind: slipway.Web, Port: 7100, Fence: slipway.Fence{Epoch: s.Epoch()}}
	same(t, "target", want, web)
	same(t, "target", want, value(s.Target(t.Context(), prod))(t))
	same(t, "target", want, makeTarget(t, s, prod)) // again: nothing new

	test := slipway.TargetID{Service: "mailer", Environment: "test"}
	never := func([]int) (int, error) { return 0, errors.New("a worker was given a port") }
	worker := value(s.EnsureTarget(t.Context(), slipway.Target{ID: test, Kind: slipway.Worker, Want: 2}, never))(t)
	same(t, "target", slipway.Target{ID: test, Kind: slipway.Worker, Want: 2, Fence: slipway.Fence{Epoch: s.Epoch()}}, worker)
	same(t, "targets", []slipway.Target{worker, web}, value(s.Targets(t.Context()))(t))
	same(t, "target IDs", []slipway.TargetID{test, prod}, value(s.TargetIDs(t.Context()))(t))

	_, err := s.EnsureTarget(t.Context(), slipway.Target{ID: test, Kind: slipway.Web}, nextPort)
	fails(t, slipway.Conflict, err)
	other := slipway.TargetID{Service: "other", Environment: "test"}
	_, err = s.EnsureTarget(t.Context(), slipway.Target{ID: other, Kind: slipway.Web}, func([]int) (int, error) {
		return 0, slipway.Errorf(slipway.Unavailable, "no port is free")
	})
	fails(t, slipway.Unavailable, err)
	_, err = s.Target(t.Context(), other)
	fails(t, slipway.NotFound, err)
}

// previews: a second port, given when it is first asked for, and both given
// back when nothing of the service is left.
func previews(t *testing.T, s *store.Store) {
	other := slipway.TargetID{Service: "other", Environment: "prod"}
	makeTarget(t, s, prod)
	with := slipway.Target{ID: prod, Kind: slipway.Web, Preview: slipway.AnyPort}
	for range 2 {
		got := value(s.EnsureTarget(t.Context(), with, nextPort))(t)
		if got.Port != 7100 || got.Preview != 7101 {
			t.Errorf("ports %d and %d", got.Port, got.Preview)
		}
	}
	with.ID = other
	if got := value(s.EnsureTarget(t.Context(), with, nextPort))(t); got.Port != 7102 || got.Preview != 7103 {
		t.Errorf("ports %d and %d of the other", got.Port, got.Preview)
	}
	if got := makeTarget(t, s, prod); got.Preview != 7101 {
		t.Errorf("preview %d, when it is not asked for", got.Preview)
	}

	f := value(s.Acquire(t.Context(), prod, "me", lease))(t)
	next := value(s.LoadState(t.Context(), prod))(t)
	f = value(s.CommitState(t.Context(), "me", f, next))(t)
	if got := value(s.Target(t.Context(), prod))(t); got.Port != 7100 || got.Preview != 7101 {
		t.Errorf("ports %d and %d after a commit", got.Port, got.Preview)
	}
	next.Target.Port = 0
	value(s.CommitState(t.Context(), "me", f, next))(t)
	if got := value(s.Target(t.Context(), prod))(t); got.Port != 0 || got.Preview != 0 {
		t.Errorf("ports %d and %d after they were freed", got.Port, got.Preview)
	}
	if got := makeTarget(t, s, prod); got.Port != 7100 {
		t.Errorf("port %d when it is deployed again", got.Port)
	}
}

func ports(t *testing.T, s *store.Store) {
	const n = 12
	var wg sync.WaitGroup
	for i := range 2 * n {
		wg.Go(func() {
			id := slipway.TargetID{Service: slipway.ServiceName('a' + rune(i%n)), Environment: "test"}
			if _, err := s.EnsureTarget(t.Context(), slipway.Target{ID: id, Kind: slipway.Web}, nextPort); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	var got, want []int
	for i, target := range value(s.Targets(t.Context()))(t) {
		got, want = append(got, target.Port), append(want, 7100+i)
	}
	slices.Sort(got)
	if len(got) != n {
		t.Errorf("%d targets", len(got))
	}
	same(t, "ports", want, got)
}
