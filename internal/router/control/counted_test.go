package control_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/router/wire"
)

// counting is a report of counts at instance "a", a placebo's included.
func counting(f slipway.Fence, requests uint64) wire.Target {
	of := slipway.Counted{Fence: f, Group: "g1", Weight: 9000, Instance: "a", Tally: slipway.Tally{Requests: requests}}
	placebo := of
	placebo.Placebo, placebo.Requests = true, requests/8
	return wire.Target{Fence: f, Divided: true, Counted: []slipway.Counted{of, placebo}}
}

func (d *desk) counts(want string) {
	d.Helper()
	got := ""
	for _, of := range d.Counted(d.Context(), target) {
		got += fmt.Sprintf(" %s %s %d", of.Fence, of.Instance, of.Requests)
		if of.Placebo {
			got += "p"
		}
	}
	if got != want {
		d.Fatalf("counted%s; want%s", got, want)
	}
}

func TestWhatWasCounted(t *testing.T) {
	d := newDesk(t)
	old, end := d.other()
	defer end()
	said := func(p wire.Process, sequence uint64, t wire.Target) wire.Status {
		s := said(p, sequence, t)
		s.Leaving = p == old && sequence > 2
		return s
	}
	d.counts("")
	d.report(said(old, 2, counting(fence(1), 80)))
	d.report(said(old, 2, counting(fence(1), 80))) // twice
	d.report(said(old, 1, counting(fence(1), 40))) // late
	d.counts(" 1.1 a 80 1.1 a 10p")
	d.report(said(old, 3, wire.Target{Divided: true})) // nothing that is new
	d.counts(" 1.1 a 80 1.1 a 10p")

	young := said(wire.Self(), 1, counting(fence(2), 8))
	young.Before = []wire.Process{old}
	d.report(young)
	d.report(said(old, 4, counting(fence(1), 88)))
	d.counts(" 1.1 a 88 1.1 a 11p 1.2 a 8 1.2 a 1p")
	end()
	d.report(said(wire.Self(), 2, counting(fence(2), 16)))
	d.counts(" 1.1 a 88 1.1 a 11p 1.2 a 16 1.2 a 2p")
	boots := map[string]bool{}
	for _, of := range d.Counted(t.Context(), target) {
		boots[of.Boot] = true
		if of.Router != "r1" {
			t.Errorf("%+v", of)
		}
	}
	if !boots[old.String()] || !boots[wire.Self().String()] || len(boots) != 2 {
		t.Errorf("counted by %v", boots)
	}
	d.now = d.now.Add(9 * time.Minute)
	d.report(said(wire.Self(), 3, counting(fence(2), 24)))
	d.now = d.now.Add(2 * time.Minute)
	d.counts(" 1.2 a 24 1.2 a 3p")
}

// A server that was started anew may hear first what was said last and then
// what was on its way.
func TestCountsNeverFall(t *testing.T) {
	d := newDesk(t)
	for n := range uint64(100) { // more than are remembered one by one
		p := wire.Self()
		p.PID += int(n)
		s := said(p, 2, counting(fence(1), 80))
		s.Leaving = true
		d.report(s)
		s = said(p, 1, counting(fence(1), 40))
		s.Leaving = true
		d.report(s)
	}
	all := d.Counted(t.Context(), target)
	if len(all) != 200 {
		t.Errorf("%d counters", len(all))
	}
	for _, of := range all {
		if of.Requests != 80 && of.Requests != 10 {
			t.Errorf("%+v", of)
		}
	}
}

func TestWhoLooksAtCountsIsWokenFourTimesASecond(t *testing.T) {
	d, self := newDesk(t), wire.Self()
	d.report(said(self, 1, counting(fence(1), 0)))
	for n, step := range []struct {
		name  string
		after time.Duration
		says  wire.Target
		wakes bool
	}{
		{"too soon", 100 * time.Millisecond, counting(fence(1), 1), false},
		{"news from before", 150 * time.Millisecond, wire.Target{Fence: fence(1), Divided: true}, true},
		{"no news", time.Second, counting(fence(1), 1), false},
		{"news", 0, counting(fence(1), 2), true},
		{"news of traffic that nobody divides", time.Second, wire.Target{Fence: fence(1), Counted: counting(fence(1), 3).Counted}, false},
	} {
		d.now = d.now.Add(step.after)
		before := d.hub.Count(topic)
		d.report(said(self, uint64(n+2), step.says))
		if woken := d.hub.Count(topic) > before; woken != step.wakes {
			t.Errorf("%s: woken %v", step.name, woken)
		}
	}
}

func TestCountsAreBounded(t *testing.T) {
	d := newDesk(t)
	for g := range uint64(100) {
		says := wire.Target{Fence: fence(g + 1)}
		for n := range 100 {
			says.Counted = append(says.Counted, slipway.Counted{
				Fence: fence(g + 1), Instance: slipway.InstanceID(fmt.Sprintf("i%d", n)), Tally: slipway.Tally{Requests: 1},
			})
		}
		d.report(said(wire.Self(), g+1, says))
	}
	all := d.Counted(t.Context(), target)
	if len(all) != 4096 || all[len(all)-1].Fence != fence(100) {
		t.Errorf("%d, the last of %s", len(all), all[len(all)-1].Fence)
	}
}
