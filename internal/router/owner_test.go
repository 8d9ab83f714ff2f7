package router_test

import (
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/procid"
)

// An instance whose process has ended is not there any more, whoever listens at
// its address by the time that the server has not said so.
func TestNobodyElseIsTakenForAnInstance(t *testing.T) {
	for _, tt := range []struct {
		protocol slipway.Protocol
		before   bool // it has ended before the router was told of it
	}{
		{slipway.HTTP1, false}, {slipway.HTTP1, true}, {slipway.H2C, false}, {slipway.H2C, true},
	} {
		t.Run(fmt.Sprintf("%s, before=%v", tt.protocol, tt.before), func(t *testing.T) {
			w := newWorld(t)
			start := func() *instance {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				if tt.protocol == slipway.H2C {
					return w.http2Instance(l, func(http.ResponseWriter, *http.Request) {})
				}
				_ = l.Close()
				return w.start(nil)
			}
			child := exec.CommandContext(t.Context(), "sleep", "60")
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			id, err := procid.Of(child.Process.Pid)
			if err != nil {
				t.Fatal(err)
			}
			here, other := start(), start()
			named := endpoints(here, other)
			named[1].Boot = id.String()
			end := func() { _ = child.Process.Kill(); _ = child.Wait() }
			if tt.before {
				end()
			}
			w.acknowledged(w.shares(time.Second, slipway.Share{Group: "g1", Weight: slipway.All, Protocol: tt.protocol, Endpoints: named}))
			end()
			w.ask(100)
			if other.hits.Load() != 0 || here.hits.Load() != 100 {
				t.Errorf("%d requests to somebody else, %d of 100 to the one that is there", other.hits.Load(), here.hits.Load())
			}
		})
	}
}
