package router_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
)

// lent applies a route that gives the candidate its weight only for as long as
// the server is heard.
func (w *world) lent(lease time.Duration, stable, candidate *instance, weight slipway.BasisPoints) slipway.Fence {
	w.Helper()
	w.fence++
	f := slipway.Fence{Epoch: 1, Generation: w.fence}
	err := w.control.Apply(w.Context(), slipway.Route{
		Target: target, Fence: f, Port: w.port, Drain: time.Second, Fallback: "stable", Lease: lease,
		Shares: []slipway.Share{
			{Group: "stable", Release: 13, Weight: slipway.All - weight, Endpoints: endpoints(stable)},
			{Group: "candidate", Release: 14, Weight: weight, Endpoints: endpoints(candidate)},
		},
	})
	if err != nil {
		w.Fatal(err)
	}
	return f
}

// ask asks n times.
func (w *world) ask(n int) {
	w.Helper()
	for range n {
		if code, text := w.get(); code != http.StatusOK {
			w.Fatalf("%d %s", code, text)
		}
	}
}

func TestLentWeightsAreGivenBackWhenTheServerIsSilent(t *testing.T) {
	w := newWorld(t)
	stable, candidate := w.start(nil), w.start(nil)
	f := w.lent(1500*time.Millisecond, stable, candidate, 9000)
	w.acknowledged(f)
	w.ask(300) // of which stable gets a tenth
	if candidate.hits.Load() == 0 || stable.hits.Load() == 0 {
		t.Fatalf("%d and %d while the server is heard", stable.hits.Load(), candidate.hits.Load())
	}
	addr := w.serverDown()
	time.Sleep(1700 * time.Millisecond)
	before := candidate.hits.Load()
	w.ask(50)
	if candidate.hits.Load() != before {
		t.Errorf("%d of 50 went to a candidate that nobody watches", candidate.hits.Load()-before)
	}
	w.serverUp(addr)
	w.observed("that it lapsed", func(s slipway.RouteStatus) bool { return s.Lapsed && s.Fence == f })
	w.ask(20)
	if candidate.hits.Load() != before {
		t.Error("the weights are up before the server has heard that they were not")
	}
	w.observed("that they are up again", func(s slipway.RouteStatus) bool { return !s.Lapsed && s.Fence == f })
	w.ask(50)
	if candidate.hits.Load() == before {
		t.Error("the weights are not taken up again")
	}
}

// What was lent to a process is not lent to the next one: nobody knows for how
// long there was none.
func TestALeaseEndsWithTheProcess(t *testing.T) {
	w := newWorld(t)
	stable, candidate := w.start(nil), w.start(nil)
	w.acknowledged(w.lent(time.Hour, stable, candidate, 9999))
	w.stop()
	addr := w.serverDown()
	w.routerUp()
	w.serving()
	w.ask(50)
	if candidate.hits.Load() != 0 {
		t.Errorf("%d requests to the candidate of a lease that nobody renewed", candidate.hits.Load())
	}
	w.serverUp(addr)
	w.observed("that it lapsed", func(s slipway.RouteStatus) bool { return s.Lapsed })
}

// Where the fallback has nothing to serve with, the others serve.
func TestAFallbackThatCannotServeGivesWay(t *testing.T) {
	w := newWorld(t)
	candidate := w.start(nil)
	w.fence++
	err := w.control.Apply(t.Context(), slipway.Route{
		Target: target, Fence: slipway.Fence{Epoch: 1, Generation: w.fence}, Port: w.port, Fallback: "stable", Lease: 100 * time.Millisecond,
		Shares: []slipway.Share{{Group: "candidate", Weight: 100, Endpoints: endpoints(candidate)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.acknowledged(slipway.Fence{Epoch: 1, Generation: w.fence})
	w.serverDown()
	time.Sleep(300 * time.Millisecond)
	w.ask(5)
}
