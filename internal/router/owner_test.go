package router_test

import (
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
	for _, protocol := range []slipway.Protocol{slipway.HTTP1, slipway.H2C} {
		t.Run(string(protocol), func(t *testing.T) {
			w := newWorld(t)
			start := func() *instance {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				if protocol == slipway.H2C {
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
			w.acknowledged(w.shares(time.Second, slipway.Share{Group: "g1", Weight: slipway.All, Protocol: protocol, Endpoints: named}))
			_ = child.Process.Kill()
			_ = child.Wait()
			w.ask(100)
			if other.hits.Load() != 0 || here.hits.Load() != 100 {
				t.Errorf("%d requests to somebody else, %d of 100 to the one that is there", other.hits.Load(), here.hits.Load())
			}
		})
	}
}
