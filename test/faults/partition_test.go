package faults_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/test/faults/yard"
)

// TestPartition has two routers, of which one is suspended, cut off from the
// server, and killed. While nobody knows whether it sends requests to an
// instance, that is not stopped: whoever asks through either of them loses
// nothing. Once it is proven dead, nobody waits for it.
func TestPartition(t *testing.T) {
	t.Parallel()
	w := raise(t, yard.Options{})
	w.publish(yard.Version{Service: "gauge"}, yard.Version{Service: "gauge"})
	w.deploy("gauge", 1)
	wire, err := yard.Lay(w.Address())
	w.must(err)
	t.Cleanup(wire.End)
	second, err := w.AnotherRouter(t.Context(), "second", "127.0.0.2", wire.Address())
	w.must(err)
	elsewhere := strings.Replace(w.url("gauge"), "127.0.0.1", "127.0.0.2", 1)
	elsewhere = strings.Replace(elsewhere, "localhost", "127.0.0.2", 1)
	w.eventually(10*time.Second, func() error { return dials(strings.TrimPrefix(elsewhere, "http://")) })
	w.press("gauge")
	other := w.pressAt(elsewhere)

	release := 2
	for range times(2) {
		w.blocked(release, "suspended", func() { w.must(second.Stop()) }, func() { w.must(second.Continue()) })
		release = 3 - release
		w.blocked(release, "cut off", wire.Cut, wire.Mend)
		release = 3 - release
	}
	other.Stop()

	// Its death is proven: nobody waits.
	d := w.ask("gauge", release)
	w.must(second.Kill())
	w.ends(d.ID, good...)
	w.note("1 killed")
}

// blocked deploys while a router is silent: the old instances stay until it is
// heard again.
func (w *world) blocked(release int, how string, silence, speak func()) {
	w.Helper()
	var before api.Target
	w.eventually(10*time.Second, func() (err error) { // the last that left is forgotten a moment later
		if before, err = w.Client.Target(w.Context(), "gauge", "test"); err == nil && len(before.Instances) != before.Want {
			err = fmt.Errorf("there are %d instances", len(before.Instances))
		}
		return err
	})
	silence()
	d := w.ask("gauge", release)
	d, err := w.Until(w.Context(), d.ID, func(d api.Deployment) bool { return d.Ended || d.NewReady > 0 })
	w.must(err)
	patience := 2 * time.Second
	if full {
		patience = 4 * time.Second
	}
	for end := time.Now().Add(patience); time.Now().Before(end); sleep(50 * time.Millisecond) {
		for _, i := range before.Instances {
			if err := dials(i.Address); err != nil {
				w.Fatalf("%s: instance %s was stopped while a silent router might send to it: %v", how, i.ID, err)
			}
		}
	}
	if d, err = w.Client.Deployment(w.Context(), d.ID); err != nil || d.Ended {
		w.Fatalf("%s: deployment %d did not wait: %s, %v", how, d.ID, d.Phase, err)
	}
	speak()
	w.ends(d.ID, good...)
	w.note("1 %s", how)
}

func dials(address string) error {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return fmt.Errorf("nobody listens at %s: %w", address, err)
	}
	return c.Close()
}
