package control_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/router/wire"
)

// Listeners belong to environments, which change without any route.
func TestListenersReachRouters(t *testing.T) {
	d := newDesk(t)
	d.store.Declare(slipway.Environments{
		{Name: "test"},
		{Name: "prod", Listener: &slipway.Listener{Address: "127.0.0.1:8443", Domain: "prod.localhost", Cert: "c", Key: "k"}},
	})
	want := []wire.Listener{{Environment: "prod", Address: "127.0.0.1:8443", Domain: "prod.localhost", Cert: "c", Key: "k"}}
	d.report(said(wire.Self(), 1, wire.Target{}))
	ask := func(listeners string) int {
		t.Helper()
		rec := d.call("GET", wire.TablePath+"?router=r1&epoch=1&version=0&hold=1"+listeners, "slr_r1", "")
		if rec.Code != http.StatusOK {
			return rec.Code
		}
		var table wire.Table
		if err := json.Unmarshal(rec.Body.Bytes(), &table); err != nil || wire.Digest(table.Listeners) != wire.Digest(want) {
			t.Errorf("%s, %v", rec.Body, err)
		}
		return rec.Code
	}
	for held, code := range map[string]int{
		"": http.StatusNoContent, // a router that knows nothing of listeners
		"&listeners=" + wire.Digest([]wire.Listener{}): http.StatusOK,
		"&listeners=" + wire.Digest(want):              http.StatusNoContent,
		"&listeners=" + "somethingelsequite":           http.StatusOK,
	} {
		if got := ask(held); got != code {
			t.Errorf("held %q: %d, want %d", held, got, code)
		}
	}
}
