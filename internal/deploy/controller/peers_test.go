package controller_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/controller"
	"github.com/slipway-cd/slipway/internal/state/store"
	"github.com/slipway-cd/slipway/internal/state/wake"
)

// A target that a server has made and begins to move is taken over by another
// soon after the first one's death, though it never was looked at there.
func TestAnotherServerTakesOverWhatIsNew(t *testing.T) {
	w := newWorld(t)
	a, b := w.controller("a"), w.controller("b")
	there := wake.New()
	b.Waker = there
	w.run(b)
	time.Sleep(50 * time.Millisecond) // it has looked at everything, which is nothing
	died := make(chan func(), 1)
	a.Failpoint = func(string, slipway.TargetID, *slipway.Deployment) {
		if stop := <-died; stop != nil {
			go stop()
			time.Sleep(100 * time.Millisecond)
		}
	}
	died <- w.run(a)
	close(died)
	w.publish(manifest("web", slipway.Web))
	d := w.deploy(a, controller.Request{Service: "web", Release: 1})
	there.Wake("peers/events")
	began := time.Now()
	for end := began.Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		if now := w.deployment(d.ID); now.Phase == slipway.Succeeded {
			break
		}
		there.Wake("target/web/test") // what runs hints at every server
		if time.Now().After(end) {
			t.Fatalf("deployment %d is %s", d.ID, w.deployment(d.ID).Phase)
		}
	}
	t.Logf("ended %s after its server", time.Since(began))
	if s, err := w.store.LoadState(t.Context(), d.Target); err != nil || s.Target.Owner != "b" {
		t.Errorf("it is %s who ended it: %v", s.Target.Owner, err)
	}
}

// counting counts how often a lease is asked for.
type counting struct {
	*store.Store
	asked atomic.Int64
}

func (c *counting) Acquire(ctx context.Context, t slipway.TargetID, owner string, ttl time.Duration) (slipway.Fence, error) {
	c.asked.Add(1)
	return c.Store.Acquire(ctx, t, owner, ttl)
}

// A server does not ask for what another plans for at every hint.
func TestHintsAtWhatAnotherServerHolds(t *testing.T) {
	w := newWorld(t)
	a := w.controller("a")
	stop := w.run(a)
	w.publish(manifest("web", slipway.Web))
	d := w.deploy(a, controller.Request{Service: "web", Release: 1})
	w.wait(d.ID, slipway.Succeeded)
	stop()
	time.Sleep(a.Lease)
	if _, err := w.store.Acquire(t.Context(), d.Target, "another", 2*time.Second); err != nil {
		t.Fatal(err)
	}
	b := w.controller("b")
	c := &counting{Store: w.store}
	b.Store = c
	w.run(b)
	began := time.Now()
	for range 200 {
		w.hub.Wake("target/" + d.Target.String())
		time.Sleep(5 * time.Millisecond)
	}
	most := int64(3*time.Since(began)/b.Lease) + 2 // three times in a lease
	if n := c.asked.Load(); n > most {
		t.Errorf("it asked %d times, not %d at most", n, most)
	}
}
