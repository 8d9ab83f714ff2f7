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
