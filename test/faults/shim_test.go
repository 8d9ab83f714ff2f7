package faults_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/internal/load"
	"github.com/slipway-cd/slipway/test/faults/yard"
)

// TestShims kills and suspends those that own the instances. The instances serve
// on, none is started twice, and they can still be replaced afterwards.
func TestShims(t *testing.T) {
	t.Parallel()
	w := raise(t, yard.Options{})
	w.publish(yard.Version{Service: "gauge"}, yard.Version{Service: "gauge"})
	w.deploy("gauge", 1)
	w.press("gauge")
	before := w.Instances()

	for range times(3) {
		for _, shim := range w.Shims() {
			w.must(shim.Kill())
		}
		w.owned(3)
	}
	// Suspended ones are replaced, and find out when they go on.
	stopped := w.Shims()
	for _, shim := range stopped {
		w.must(shim.Stop())
	}
	w.eventually(30*time.Second, func() error {
		if all := w.Shims(); len(all)-living(all, stopped) < 3 {
			return fmt.Errorf("%d shims beside %d that are suspended", len(all)-living(all, stopped), living(all, stopped))
		}
		return nil
	})
	for _, shim := range stopped {
		_ = shim.Continue()
	}
	w.owned(3)
	if after := w.Instances(); !slices.Equal(before, after) {
		t.Errorf("the instances were %v and are %v", before, after)
	}
	w.deploy("gauge", 2)
	w.owned(3)
	w.note("every shim killed %d times, suspended once", times(3))
}

func living(all, of []yard.Process) int {
	n := 0
	for _, p := range of {
		if slices.Contains(all, p) {
			n++
		}
	}
	return n
}

// owned waits until there are n instances with a shim each, and no other.
func (w *world) owned(n int) {
	w.Helper()
	w.eventually(30*time.Second, func() error {
		if shims, instances := w.Shims(), w.Instances(); len(shims) != n || len(instances) != n {
			return fmt.Errorf("%d shims, %d instances", len(shims), len(instances))
		}
		t, err := w.Client.Target(w.Context(), "gauge", "test")
		if err == nil && t.Ready != n {
			err = fmt.Errorf("%d of %d are ready", t.Ready, n)
		}
		return err
	})
}

// TestInstances kills instances under load, with the shim that looks after each
// and without: nothing is lost but what each had in its hands, and it is started
// again. Every second one finds its port taken by somebody else, who answers 200
// to all that is asked: nobody is sent there, and it does not count as ready.
func TestInstances(t *testing.T) {
	w := raise(t, yard.Options{})
	w.publish(yard.Version{Service: "gauge"})
	w.deploy("gauge", 1)
	w.press("gauge")
	var kills []kill
	w.excused = func(l load.Loss) string { return inHand(w, kills, l) }
	taken := 0
	for n := range 2 * times(3) {
		target, err := w.Client.Target(w.Context(), "gauge", "test")
		w.must(err)
		i := target.Instances[n%len(target.Instances)]
		victim, shim := w.of(i.ID)
		var p *impostor
		if n%2 == 0 {
			p = w.impostor(i.Address)
		}
		kills = append(kills, kill{victim, time.Now()})
		if n%4 == 0 {
			w.must(shim.Kill())
		}
		w.must(victim.Kill())
		if p != nil {
			p.awaits()
			w.eventually(5*time.Second, func() error { return w.unready(i.ID) })
			for end := time.Now().Add(time.Second); time.Now().Before(end); sleep(20 * time.Millisecond) {
				w.must(w.unready(i.ID))
			}
			p.leaves()
			taken++
		}
		w.owned(3)
		if full {
			sleep(1500 * time.Millisecond)
		}
	}
	lost := 0
	for _, l := range w.loads {
		l.Stop()
		lost += l.Lost()
	}
	w.note("%d instances killed with %d requests in their hands, %d of their ports taken", len(kills), lost, taken)
	if most := 40 * len(kills); lost > most {
		t.Errorf("%d requests were lost with %d instances, more than they can have had", lost, len(kills))
	}
}

// kill is an instance that was killed.
type kill struct {
	victim yard.Process
	at     time.Time
}

// inHand says why a request was lost with a killed instance: it had begun it,
// or was about to, as nobody else ever did.
func inHand(w *world, kills []kill, l load.Loss) string {
	all, err := w.Accounts()
	if err != nil {
		return ""
	}
	a := all[l.ID]
	for _, k := range kills {
		switch soon := k.at.Add(time.Second); {
		case l.Began.After(soon) || l.End.Before(k.at), strings.HasPrefix(l.Why, "answered 200"):
		case a == nil:
			return "never begun"
		case a.Ended < a.Begun && slices.Contains(a.In, yard.Writer{Service: "gauge", PID: k.victim.PID}):
			return "in the hands of the killed"
		}
	}
	return ""
}
