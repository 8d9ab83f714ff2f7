package router_test

import (
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
)

func TestAPreviewLeadsToTheCandidateAlone(t *testing.T) {
	w := newWorld(t)
	stable, candidate := w.start(nil), w.start(nil)
	port := freePort(t)
	apply := func(preview *slipway.PreviewDoor) slipway.Fence {
		t.Helper()
		w.fence++
		f := slipway.Fence{Epoch: 1, Generation: w.fence}
		err := w.control.Apply(t.Context(), slipway.Route{
			Target: target, Fence: f, Port: w.port, Drain: time.Second, Preview: preview,
			Shares: []slipway.Share{
				{Group: "stable", Release: 13, Weight: slipway.All, Endpoints: endpoints(stable)},
				{Group: "candidate", Release: 14, Weight: 0, Endpoints: endpoints(candidate)},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		w.acknowledged(f)
		return f
	}
	f := apply(&slipway.PreviewDoor{Group: "candidate", Port: port})
	at := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for range 20 {
		w.ask(1)
		res, err := http.Get("http://" + at)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%+v, %v", res, err)
		}
		_ = res.Body.Close()
	}
	if stable.hits.Load() != 20 || candidate.hits.Load() != 20 {
		t.Errorf("stable %d, candidate %d", stable.hits.Load(), candidate.hits.Load())
	}
	w.observed("only the traffic counts", func(s slipway.RouteStatus) bool { return s.Requests == 20 && s.Fence == f })
	candidate.kill()
	if res, err := http.Get("http://" + at); err != nil || res.StatusCode < 500 {
		t.Errorf("a preview whose candidate is gone: %+v, %v", res, err)
	} else {
		_ = res.Body.Close()
	}
	apply(nil)
	if c, err := net.Dial("tcp", at); err == nil {
		_ = c.Close()
		t.Error("the preview's port is open after the route has none")
	}
}
