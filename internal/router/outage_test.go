package router_test

import (
	"encoding/json"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/procid"
	"github.com/slipway-cd/slipway/internal/router"
)

func (w *world) serverDown() (addr string) {
	addr = w.server.Listener.Addr().String()
	w.server.CloseClientConnections()
	w.server.Close()
	return addr
}

func TestARouterServesFromDiskWithoutAServer(t *testing.T) {
	w := newWorld(t)
	w.acknowledged(w.route(time.Second, w.start(nil)))
	w.stop()
	info, err := os.Stat(filepath.Join(w.dir, "table.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	w.serverDown()
	start := time.Now()
	w.routerUp()
	w.serving()
	t.Logf("serving %v after its start", time.Since(start))
}

func TestAServerThatComesBackIsSeenAtOnce(t *testing.T) {
	w := newWorld(t)
	old := w.start(nil)
	w.acknowledged(w.route(time.Second, old))
	addr := w.serverDown()
	time.Sleep(700 * time.Millisecond)
	if code, _ := w.get(); code != http.StatusOK {
		t.Errorf("%d while the server is gone", code)
	}
	w.serverUp(addr)
	all, err := w.control.Observe(t.Context(), target)
	if err != nil || len(all) != 1 || all[0].Fence != (slipway.Fence{}) || all[0].Why == "" {
		t.Errorf("a restarted server must wait for routers that it has not heard: %+v, %v", all, err)
	}
	t.Logf("heard after %v", w.acknowledged(slipway.Fence{Epoch: 1, Generation: 1}))
	f := w.route(time.Second, w.start(nil))
	w.drained(f, old)
}

func TestARestoredServerTakesOver(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.acknowledged(w.route(time.Second, w.start(nil)))
	}
	w.store.Restore() // another epoch, and versions start again
	w.fence = 0
	last := w.start(nil)
	err := w.control.Apply(t.Context(), slipway.Route{
		Target: target, Fence: slipway.Fence{Epoch: 2, Generation: 1}, Port: w.port, Drain: time.Second,
		Shares: []slipway.Share{{Group: "g", Weight: slipway.All, Endpoints: endpoints(last)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.acknowledged(slipway.Fence{Epoch: 2, Generation: 1})
	if w.get(); last.hits.Load() != 1 {
		t.Error("the old epoch's table serves")
	}
}

// After a reboot other programs may have the addresses that a table names.
func TestNothingIsRoutedToAddressesOfAnotherBoot(t *testing.T) {
	w := newWorld(t)
	i := w.start(nil)
	w.acknowledged(w.route(time.Second, i))
	w.stop()
	path := filepath.Join(w.dir, "table.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var table map[string]any
	if err := json.Unmarshal(text, &table); err != nil {
		t.Fatal(err)
	}
	table["routes"].([]any)[0].(map[string]any)["boot"] = "another boot"
	text, _ = json.Marshal(table)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	w.routerUp()
	w.observed("it is heard", func(s slipway.RouteStatus) bool { return s.Fence.Generation == 1 && s.Why == "" })
	w.eventually("its door is open", func() bool {
		c, err := net.Dial("tcp", w.addr())
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	if code, _ := w.get(); code != http.StatusServiceUnavailable || i.hits.Load() != 0 {
		t.Errorf("%d: routed to whoever has that port now", code)
	}
	w.acknowledged(w.route(time.Second, i)) // planned anew: known to be right
	if code, _ := w.get(); code != http.StatusOK {
		t.Errorf("%d after a new plan", code)
	}
}

// A route may be stored before a reboot and reach a router only after it.
func TestNothingIsRoutedToInstancesOfAnotherBoot(t *testing.T) {
	w := newWorld(t)
	i := w.start(nil)
	send := func(boot string) int {
		t.Helper()
		to := endpoints(i)
		id := procid.Self()
		id.Boot = boot
		to[0].Boot = id.String()
		w.acknowledged(w.shares(time.Second, slipway.Share{Group: "g1", Weight: slipway.All, Endpoints: to}))
		code, _ := w.get()
		return code
	}
	if code := send("another"); code != http.StatusServiceUnavailable || i.hits.Load() != 0 {
		t.Errorf("%d: routed to whoever has that port now", code)
	}
	if code := send(procid.HostBoot()); code != http.StatusOK {
		t.Errorf("%d for an instance of this boot", code)
	}
}

func TestADirectoryHasOneRouter(t *testing.T) {
	w := newWorld(t)
	w.acknowledged(w.route(time.Second))
	second, err := router.New(router.Config{ID: "r1", Dir: w.dir, Server: w.server.URL, Token: "slr_r1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Run(t.Context()); slipway.CodeOf(err) != slipway.Conflict {
		t.Errorf("a second process speaks for the router: %v", err)
	}
}

func TestAPortThatIsTakenIsNamedAndTriedAgain(t *testing.T) {
	w := newWorld(t)
	l, err := net.Listen("tcp", w.addr())
	if err != nil {
		t.Fatal(err)
	}
	f := w.route(time.Second, w.start(nil))
	w.observed("the reason", func(s slipway.RouteStatus) bool {
		return s.Fence == f && strings.Contains(s.Why, "cannot be opened: another program has it")
	})
	_ = l.Close()
	w.observed("it is open", func(s slipway.RouteStatus) bool { return s.Why == "" })
	if code, _ := w.get(); code != http.StatusOK {
		t.Error(code)
	}
}

// A table that is not on disk is not acknowledged: after a crash the router
// would follow the one before.
func TestATableThatCannotBeKeptIsServedButNotAcknowledged(t *testing.T) {
	w := newWorld(t)
	old := w.start(nil)
	before := w.route(time.Second, old)
	w.acknowledged(before)
	block := filepath.Join(w.dir, "table.json.new")
	if err := os.Mkdir(block, 0o700); err != nil {
		t.Fatal(err)
	}
	next := w.start(nil)
	after := w.route(time.Second, next)
	w.observed("the reason", func(s slipway.RouteStatus) bool {
		return s.Fence == before && strings.Contains(s.Why, "cannot be written")
	})
	if w.get(); next.hits.Load() != 1 {
		t.Error("serving stopped with the disk")
	}
	if err := os.Remove(block); err != nil {
		t.Fatal(err)
	}
	w.acknowledged(after)
}

func TestWeights(t *testing.T) {
	w := newWorld(t)
	a, b, idle, none := w.start(nil), w.start(nil), w.start(nil), slipway.Share{Group: "g4", Weight: 5000}
	share := func(g slipway.GroupID, weight slipway.BasisPoints, i *instance) slipway.Share {
		return slipway.Share{Group: g, Weight: weight, Endpoints: endpoints(i)}
	}
	w.acknowledged(w.shares(time.Second, share("g1", 4000, a), share("g2", 1000, b), share("g3", 0, idle), none))
	const n = 4000
	for range n {
		if code, _ := w.get(); code != http.StatusOK {
			t.Fatal(code)
		}
	}
	// The half of the empty group goes to the others, as 4 to 1. Five standard
	// deviations: wrong once in a million.
	if off := math.Abs(float64(b.hits.Load()) - n*0.2); off > 5*math.Sqrt(n*0.2*0.8) {
		t.Errorf("%d and %d of %d", a.hits.Load(), b.hits.Load(), n)
	}
	if idle.hits.Load() != 0 {
		t.Errorf("%d requests to a group of weight 0", idle.hits.Load())
	}
}
