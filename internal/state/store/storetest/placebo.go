package storetest

import (
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/store"
)

func placebo(t *testing.T, s *store.Store) {
	same(t, "placebos of nobody", 0, len(value(s.Placebos(t.Context()))(t)))
	ok(t, s.AddPlacebo(t.Context(), prod, 1, 0))
	ok(t, s.AddPlacebo(t.Context(), prod, 1, 1))
	ok(t, s.AddPlacebo(t.Context(), prod, 1, 0))
	same(t, "placebos", []slipway.Placebo{{Target: prod, Trials: 3, Alarms: 1}}, value(s.Placebos(t.Context()))(t))
}
