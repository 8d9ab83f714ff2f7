package server

import (
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

func TestARouterIsShownAsItIs(t *testing.T) {
	got := shownRouter(slipway.RouterState{
		Router: slipway.Router{ID: "edge", Host: "m/h/pid:[1]", PID: 7}, Phase: slipway.RouterSilent, Version: 9, InFlight: 3, Leaving: 1, Why: "why",
	})
	got.LastSeen = got.LastSeen.UTC()
	want := api.Router{ID: "edge", State: "silent", Host: "m/h/pid:[1]", PID: 7, Version: 9, InFlight: 3, Leaving: 1, Why: "why"}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
