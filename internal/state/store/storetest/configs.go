package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/store"
)

func setting(key, value string) func(map[string]string) error {
	return func(values map[string]string) error { values[key] = value; return nil }
}

func configs(t *testing.T, s *store.Store) {
	ctx := t.Context()
	none := value(s.Config(ctx, prod, 0))(t)
	same(t, "nothing set", slipway.Config{Target: prod}, none)

	by := Filled[slipway.Config]()
	by.Target = prod
	first, created, err := s.SetConfig(ctx, by, setting("A", "1\x00é\n"), slipway.Event{Kind: slipway.TargetChanged, Target: prod})
	ok(t, err)
	by.Version, by.Values = 1, map[string]string{"A": "1\x00é\n"}
	if !created {
		t.Error("not created")
	}
	same(t, "configuration", by, first)
	same(t, "configuration", by, value(s.Config(ctx, prod, 1))(t))
	again, created, err := s.SetConfig(ctx, slipway.Config{Target: prod}, setting("A", "1\x00é\n"), slipway.Event{})
	ok(t, err)
	if same(t, "what was set before", by, again); created {
		t.Error("the same values made a version")
	}
	second, _, err := s.SetConfig(ctx, slipway.Config{Target: prod, At: born}, func(values map[string]string) error {
		delete(values, "A")
		values["B"] = "2"
		return nil
	})
	ok(t, err)
	same(t, "second", slipway.Config{Target: prod, Version: 2, Values: map[string]string{"B": "2"}, At: born}, second)
	same(t, "newest", second, value(s.Config(ctx, prod, 0))(t))
	same(t, "first", by, value(s.Config(ctx, prod, 1))(t)) // as it was
	same(t, "versions", []slipway.Config{second, by}, value(s.Configs(ctx, prod, 0))(t))
	same(t, "versions", []slipway.Config{second}, value(s.Configs(ctx, prod, 1))(t))

	_, _, err = s.SetConfig(ctx, slipway.Config{Target: prod}, func(map[string]string) error { return slipway.Errorf(slipway.TooLarge, "no") })
	fails(t, slipway.TooLarge, err)
	_, err = s.Config(ctx, prod, 3)
	fails(t, slipway.NotFound, err)
	other := slipway.TargetID{Service: "thoughts", Environment: "test"}
	same(t, "another environment", slipway.Config{Target: other}, value(s.Config(ctx, other, 0))(t))
	if n := value(s.LastEvent(ctx))(t); n != 1 {
		t.Errorf("%d events", n)
	}
}

func configRaces(t *testing.T, s *store.Store) {
	const n = 10
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if _, _, err := s.SetConfig(t.Context(), slipway.Config{Target: prod}, setting(fmt.Sprint("K", i), "v")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if c := value(s.Config(t.Context(), prod, 0))(t); c.Version != n || len(c.Values) != n {
		t.Errorf("version %d with %d values", c.Version, len(c.Values))
	}
}

func secrets(t *testing.T, s *store.Store) {
	ctx := t.Context()
	sealed := func(version int) ([]byte, error) { return fmt.Appendf(nil, "\x00sealed %d", version), nil }
	add := func(name string) slipway.Secret {
		t.Helper()
		by := slipway.Secret{Target: prod, Name: name, Actor: ada, At: born, Version: 99}
		return value(s.AddSecret(ctx, by, 2, sealed, slipway.Event{Kind: slipway.TargetChanged}))(t)
	}
	a1, a2, b1 := add("A"), add("A"), add("B")
	same(t, "secret", slipway.Secret{Target: prod, Name: "A", Version: 2, Sealed: []byte("\x00sealed 2"), Actor: ada, At: born}, a2)
	same(t, "secrets", []slipway.Secret{a2, a1, b1}, value(s.Secrets(ctx, prod))(t))

	_, err := s.AddSecret(ctx, slipway.Secret{Target: prod, Name: "C"}, 2, sealed)
	fails(t, slipway.TooLarge, err)
	_, err = s.AddSecret(ctx, slipway.Secret{Target: prod, Name: "A"}, 2, func(int) ([]byte, error) {
		return nil, slipway.Errorf(slipway.Unavailable, "no key")
	})
	fails(t, slipway.Unavailable, err)

	retired := value(s.RetireSecret(ctx, slipway.Secret{Target: prod, Name: "A", Version: 1, Retired: born}, slipway.Event{}))(t)
	a1.Retired = born
	same(t, "retired", a1, retired)
	same(t, "retired again", a1, value(s.RetireSecret(ctx, slipway.Secret{Target: prod, Name: "A", Version: 1, Retired: born.Add(1e9)}, slipway.Event{}))(t))
	_, err = s.RetireSecret(ctx, slipway.Secret{Target: prod, Name: "A", Version: 2, Retired: born})
	fails(t, slipway.Conflict, err)
	_, err = s.RetireSecret(ctx, slipway.Secret{Target: prod, Name: "A", Version: 3, Retired: born})
	fails(t, slipway.NotFound, err)

	ok(t, s.ResealSecret(ctx, a1, []byte("anew")))
	ok(t, s.ResealSecret(ctx, a1, []byte("late"))) // it is not that any more
	a1.Sealed = []byte("anew")
	test := slipway.TargetID{Service: "thoughts", Environment: "test"}
	other := value(s.AddSecret(ctx, slipway.Secret{Target: test, Name: "A", At: born}, 2, sealed))(t)
	same(t, "every secret", []slipway.Secret{a2, a1, b1, other}, value(s.EverySecret(ctx))(t))
	if n := value(s.LastEvent(ctx))(t); n != 4 {
		t.Errorf("%d events", n)
	}
}

func secretRaces(t *testing.T, s *store.Store) {
	const n = 10
	seen := map[int]bool{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			got, err := s.AddSecret(t.Context(), slipway.Secret{Target: prod, Name: "A"}, 1, func(v int) ([]byte, error) { return fmt.Append(nil, v), nil })
			mu.Lock()
			defer mu.Unlock()
			if seen[got.Version] = true; err != nil || string(got.Sealed) != fmt.Sprint(got.Version) {
				t.Error(errors.Join(err, fmt.Errorf("%+v", got)))
			}
		})
	}
	wg.Wait()
	if len(seen) != n {
		t.Errorf("%d versions", len(seen))
	}
}
