package storetest

import (
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/store"
)

func routes(t *testing.T, s *store.Store) {
	version, table, err := s.Routes(t.Context())
	ok(t, err)
	if version != 0 || len(table) != 0 {
		t.Errorf("version %d with %d routes of nothing", version, len(table))
	}
	full := Filled[slipway.Route]()
	full.Target, full.Fence = prod, slipway.Fence{Epoch: 1, Generation: 5}
	older, same5 := full, full
	older.Fence.Generation = 4
	same5.Port++
	newer := slipway.Route{Target: prod, Fence: slipway.Fence{Epoch: 2, Generation: 1}}
	other := slipway.Route{Target: slipway.TargetID{Service: "a", Environment: "prod"}}
	for i, step := range []struct {
		route slipway.Route
		want  uint64 // 0: stale
	}{{full, 1}, {full, 1}, {older, 0}, {same5, 2}, {other, 3}, {newer, 4}, {full, 0}} {
		got, err := s.SaveRoute(t.Context(), step.route)
		if step.want == 0 {
			fails(t, slipway.Stale, err)
		} else if got != step.want || err != nil {
			t.Errorf("step %d: version %d, want %d: %v", i, got, step.want, err)
		}
		if i == 0 {
			_, table, err := s.Routes(t.Context())
			ok(t, err)
			same(t, "routes", []slipway.Route{full}, table)
		}
	}
	version, table, err = s.Routes(t.Context())
	ok(t, err)
	same(t, "routes", []slipway.Route{other, newer}, table)
	if version != 4 {
		t.Errorf("version %d", version)
	}
}

func routers(t *testing.T, s *store.Store) {
	r := Filled[slipway.Router]()
	r.ID = "r2"
	ok(t, s.SaveRouter(t.Context(), slipway.Router{ID: "r2"}))
	ok(t, s.SaveRouter(t.Context(), slipway.Router{ID: "r1"}))
	ok(t, s.SaveRouter(t.Context(), r))
	same(t, "routers", []slipway.Router{{ID: "r1"}, r}, value(s.Routers(t.Context()))(t))
	ok(t, s.ForgetRouter(t.Context(), "r1"))
	ok(t, s.ForgetRouter(t.Context(), "r1"))
	same(t, "routers", []slipway.Router{r}, value(s.Routers(t.Context()))(t))
}
