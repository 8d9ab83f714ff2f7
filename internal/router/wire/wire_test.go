package wire_test

import (
	"encoding/json"
	"net/netip"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/procid"
	"github.com/slipway-cd/slipway/internal/router/wire"
)

var target = slipway.TargetID{Service: "thoughts-backend", Environment: "prod"}

// Routers of other versions read and write these, and tables lie on disks: if
// this test fails, they would not understand each other any more.
func TestOthersUnderstandUs(t *testing.T) {
	check(t, "testdata/table.json", wire.Table{Epoch: 1, Version: 2, Routes: []slipway.Route{{
		Target: target, Fence: slipway.Fence{Epoch: 1, Generation: 7}, Port: 7101, Drain: 30 * time.Second,
		Shares: []slipway.Share{{Group: "g77", Release: 14, Weight: slipway.All, Endpoints: []slipway.Endpoint{
			{Instance: "i-7f2a90", Boot: "3f9c-812-99", Addr: netip.MustParseAddrPort("127.0.0.1:41873")},
		}}},
	}}})
	check(t, "testdata/status.json", wire.Status{
		Router: "local", Process: wire.Process{Host: "m/h/pid:[1]", ID: procid.ID{Boot: "3f9c", PID: 812, Start: 99}},
		Sequence: 3, Epoch: 1, Version: 2,
		Targets: []wire.Target{{
			Target: target, Fence: slipway.Fence{Epoch: 1, Generation: 7},
			InFlight: map[slipway.InstanceID]int{"i-7f2a90": 2}, Draining: map[slipway.InstanceID]int{"i-3a1": 1},
			Requests: 412, Errors: 1, Why: "port 7101 cannot be opened",
		}},
	})
}

func check[T any](t *testing.T, path string, want T) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got T
	if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(got, want) {
		now, _ := json.MarshalIndent(want, "", "  ")
		t.Errorf("%s reads as %+v, %v; we would write\n%s", path, got, err, now)
	}
}
