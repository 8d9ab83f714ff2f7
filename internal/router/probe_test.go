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

// A router that starts without a server knows its last table, and not who has
// the addresses in it by now.
func TestATableFromDiskIsProbed(t *testing.T) {
	w := newWorld(t)
	child := exec.CommandContext(t.Context(), "sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	id, err := procid.Of(child.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	here, ended, silent := w.start(nil), w.start(nil), w.start(nil)
	named := endpoints(here, ended, silent)
	named[1].Boot = id.String()
	w.acknowledged(w.shares(time.Second, slipway.Share{Group: "g1", Weight: slipway.All, Endpoints: named}))
	w.stop()
	w.serverDown()
	silent.kill()
	_ = child.Process.Kill() // the instance is gone, and somebody else answers at its address
	_ = child.Wait()
	start := time.Now()
	w.routerUp()
	w.serving()
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("serving after %v", took)
	}
	w.ask(50)
	if ended.hits.Load() != 0 || here.hits.Load() < 50 {
		t.Errorf("%d requests to whoever has the address now, %d to the one that is there", ended.hits.Load(), here.hits.Load())
	}
	l, err := net.Listen("tcp", silent.addr.String()) // it was only slow to answer
	if err != nil {
		t.Fatal(err)
	}
	back := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { silent.hits.Add(1) })}
	defer func() { _ = back.Close() }()
	go func() { _ = back.Serve(l) }()
	w.eventually("what answers later is taken up", func() bool {
		w.ask(1)
		return silent.hits.Load() > 0
	})
}

// A router that comes to a server whose database was restored gets the routes of
// the backup until they are planned anew: what they lead to may be another's by
// now, if the backup is from another place, or serve on.
func TestARouteOfABackupIsProbed(t *testing.T) {
	w := newWorld(t)
	w.stop()
	w.dir = t.TempDir() // it knows of nothing
	child := exec.CommandContext(t.Context(), "sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	id, err := procid.Of(child.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	_ = child.Process.Kill()
	_ = child.Wait()
	here, ended := w.start(nil), w.start(nil)
	named := endpoints(here, ended)
	named[1].Boot = id.String()
	f := w.shares(time.Second, slipway.Share{Group: "g1", Weight: slipway.All, Endpoints: named})
	w.store.Restore()
	w.routerUp()
	w.acknowledged(f)
	w.serving()
	w.ask(50)
	if ended.hits.Load() != 0 || here.hits.Load() < 50 {
		t.Errorf("%d requests to whoever has the address now, %d to the one that is there", ended.hits.Load(), here.hits.Load())
	}
	fence := slipway.Fence{Epoch: 2, Generation: 1}
	last := w.start(nil)
	err = w.control.Apply(t.Context(), slipway.Route{Target: target, Fence: fence, Port: w.port, Drain: time.Second,
		Shares: []slipway.Share{{Group: "g1", Weight: slipway.All, Endpoints: endpoints(last)}}})
	if err != nil {
		t.Fatal(err)
	}
	w.acknowledged(fence)
	if w.get(); last.hits.Load() != 1 {
		t.Error("what was planned anew is in doubt")
	}
}
