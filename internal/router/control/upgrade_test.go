package control_test

import (
	"os/exec"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/procid"
	"github.com/slipway-cd/slipway/internal/router/wire"
)

// other is another process of this machine.
func (d *desk) other() (p wire.Process, end func()) {
	d.Helper()
	child := exec.CommandContext(d.Context(), "sleep", "60")
	if err := child.Start(); err != nil {
		d.Fatal(err)
	}
	id, err := procid.Of(child.Process.Pid)
	if err != nil {
		d.Fatal(err)
	}
	return wire.Process{Host: wire.Self().Host, ID: id}, func() {
		_ = child.Process.Kill()
		_ = child.Wait()
	}
}

// While a router is upgraded it is two processes: an instance has drained when
// it has at both.
func TestBothProcessesOfAnUpgradeCount(t *testing.T) {
	d := newDesk(t)
	old, end := d.other()
	defer end()
	young := wire.Self()
	leaving := func(sequence uint64, f slipway.Fence, inFlight int) {
		t.Helper()
		s := said(old, sequence, wire.Target{Fence: f, Draining: map[slipway.InstanceID]int{"a": inFlight}, Requests: 10})
		s.Leaving = true
		d.report(s)
	}
	serving := func(sequence uint64, f slipway.Fence, before ...wire.Process) {
		t.Helper()
		s := said(young, sequence, wire.Target{Fence: f, Requests: 5})
		s.Before = before
		d.report(s)
	}
	expect := func(what string, f slipway.Fence, inFlight int, requests uint64) {
		t.Helper()
		all := d.observe()
		if len(all) != 1 || all[0].Fence != f || all[0].InFlight["a"] != inFlight || all[0].Requests != requests {
			t.Fatalf("%s: %+v", what, all)
		}
	}
	d.report(said(old, 1, wire.Target{Fence: fence(3), InFlight: map[slipway.InstanceID]int{"a": 2}, Requests: 10}))
	serving(1, fence(3), old)
	expect("the new one has spoken", fence(3), 2, 15)
	serving(2, fence(4), old)
	expect("the old one has not heard of the newest table", fence(3), 2, 15)
	leaving(2, fence(4), 1)
	expect("both have", fence(4), 1, 15)

	d.restart()
	expect("a server that has heard nobody", slipway.Fence{}, 0, 0)
	serving(3, fence(4), old)
	expect("a server that has heard the new one only", slipway.Fence{}, 0, 5)
	leaving(3, fence(4), 1)
	expect("a server that has heard both", fence(4), 1, 15)
	d.restart()
	leaving(4, fence(4), 1)
	expect("a server that has heard the old one only", slipway.Fence{}, 1, 10)
	serving(4, fence(4), old)
	expect("both again", fence(4), 1, 15)

	woken := d.hub.Count(topic)
	serving(5, fence(4))
	expect("the new one has seen the end of the old one", fence(4), 0, 5)
	if d.hub.Count(topic) == woken {
		t.Error("who waits for the old one is not woken")
	}
	if c := d.Counts(target); c.Requests != 15 {
		t.Errorf("the requests of the old one are lost: %+v", c)
	}
}

// A new process that dies at once leaves the old one, which still serves.
func TestAnOldProcessOutlivesItsSuccessor(t *testing.T) {
	d := newDesk(t)
	old, endOld := d.other()
	defer endOld()
	young, endYoung := d.other()
	s := said(young, 1, wire.Target{Fence: fence(1)})
	s.Before = []wire.Process{old}
	d.report(s)
	endYoung()
	for range 2 {
		if all := d.observe(); len(all) != 1 || all[0].Fence != (slipway.Fence{}) {
			t.Errorf("%+v", all)
		}
		d.restart() // the register knows of both
	}
	endOld()
	d.now = d.now.Add(2 * time.Second)
	if all := d.observe(); len(all) != 0 {
		t.Errorf("all have ended: %+v", all)
	}
}
