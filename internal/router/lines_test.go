package router_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/router/control"
	"github.com/slipway-cd/slipway/internal/router/routertest"
)

// fleet are servers on one store, that name each other to a world's router.
type fleet struct {
	*world
	mu    sync.Mutex
	named []string
}

// newFleet is a world whose router was told of its first server alone.
func newFleet(t *testing.T) *fleet {
	t.Parallel()
	f := &fleet{world: &world{T: t, store: routertest.NewStore(), hub: &routertest.Hub{}, port: freePort(t), dir: t.TempDir(), stop: func() {}}}
	f.control, f.server = f.join(nil)
	f.routerUp()
	return f
}

// join starts another server. before, it is asked what it does not answer.
func (f *fleet) join(before func(http.Handler) http.Handler) (*control.Control, *httptest.Server) {
	c := control.New(f.store, f.hub, routertest.Tokens{}, time.Now, nil)
	c.Others = func() []string {
		f.mu.Lock()
		defer f.mu.Unlock()
		return slices.Clone(f.named)
	}
	h := c.Handler()
	if before != nil {
		h = before(h)
	}
	s := httptest.NewServer(h)
	f.Cleanup(func() { f.stop(); s.CloseClientConnections(); s.Close() }) // nobody comes back
	f.name(append(c.Others(), s.URL)...)
	return c, s
}

// name says which servers run.
func (f *fleet) name(urls ...string) {
	f.mu.Lock()
	f.named = urls
	f.mu.Unlock()
	f.hub.Wake("routes")
}

func TestEveryServerHearsOfADrain(t *testing.T) {
	f := newFleet(t)
	second, _ := f.join(nil)
	holds := make(chan struct{})
	old := f.start(func(http.ResponseWriter, *http.Request) { <-holds })
	f.acknowledged(f.route(10*time.Second, old))
	go func() { _, _ = f.get() }()
	for _, c := range []*control.Control{f.control, second} {
		f.control = c
		f.observed("a request in flight", func(s slipway.RouteStatus) bool { return s.InFlight[old.id] == 1 })
	}
	fence := f.route(10*time.Second, f.start(nil)) // by the second server
	f.acknowledged(fence)
	close(holds)
	f.drained(fence, old)
}

// TestAServerThatIsGoneIsNotMissed: what the others decide is followed, and what
// they lend stays lent.
func TestAServerThatIsGoneIsNotMissed(t *testing.T) {
	f := newFleet(t)
	first := f.server
	second, server := f.join(nil)
	f.acknowledged(f.route(time.Second, f.start(nil)))
	f.control = second
	f.acknowledged(f.route(time.Second, f.start(nil))) // there is a line to it
	f.name(server.URL)
	first.CloseClientConnections()
	first.Close()
	if took := f.acknowledged(f.route(time.Second, f.start(nil))); took > time.Second {
		t.Errorf("a route took %v", took)
	}
	if code, _ := f.get(); code != http.StatusOK {
		t.Error(code)
	}
}

// TestAServerThatIsStoppedHoldsUpNobody: it takes what is said and answers
// nothing.
func TestAServerThatIsStoppedHoldsUpNobody(t *testing.T) {
	f := newFleet(t)
	f.join(func(http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		})
	})
	f.acknowledged(f.route(time.Second, f.start(nil)))
	for range 3 {
		if took := f.acknowledged(f.route(time.Second, f.start(nil))); took > time.Second {
			t.Errorf("a route took %v", took)
		}
	}
}
