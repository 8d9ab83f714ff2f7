package faults_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/test/faults/yard"
)

// TestZombie stops a server between its commit and its act. Nobody can take its
// data directory meanwhile, and it goes on as if nothing had been.
func TestZombie(t *testing.T) {
	t.Parallel()
	w := raise(t, yard.Options{})
	w.publish(yard.Version{Service: "gauge"}, yard.Version{Service: "gauge"})
	w.deploy("gauge", 1)
	w.press("gauge")
	for n := range times(2) {
		zombie, err := w.Role("server")
		w.must(err)
		_ = os.Remove(w.Failpoints() + ".hit")
		w.must(os.WriteFile(w.Failpoints(), []byte("controller.committed gauge/test stop\n"), 0o600))
		go func() { _, _ = w.Deploy(t.Context(), "gauge", 2-n%2) }() // it may be stopped before it answers
		w.eventually(20*time.Second, func() error { _, err := os.Stat(w.Failpoints() + ".hit"); return err })
		if out, err := w.Do(t.Context(), t.TempDir(), w.Slipway, "server", "--listen", "127.0.0.1:0"); err == nil {
			t.Errorf("another server has the data directory of one that is stopped: %s", out)
		}
		sleep(4 * time.Second) // its lease is over
		w.must(zombie.Continue())
		w.serves("gauge", 2-n%2)
		w.owned(3)
	}
	w.note("stopped %d times", times(2))
}

// TestTwoServers starts a second server on the database of a first, with a
// machine of its own: it would see no instance of the first, and start them all
// again. It is refused while the first lives, and starts nothing.
func TestTwoServers(t *testing.T) {
	t.Parallel()
	w := raise(t, yard.Options{Database: postgres(t)})
	w.publish(yard.Version{Service: "gauge"})
	w.deploy("gauge", 1)
	w.press("gauge")
	before := w.Instances()
	data, err := w.Another()
	w.must(err)
	out, err := w.Do(t.Context(), t.TempDir(), w.Slipway, "server", "--data", data, "--listen", "127.0.0.1:0")
	if err == nil || !strings.Contains(out, "a server with another data directory has the PostgreSQL database, and what it deploys") {
		t.Errorf("the second server ends with %v: %s", err, out)
	}
	if after := w.Instances(); !slices.Equal(before, after) {
		t.Errorf("instances were %v and are %v", before, after)
	}
}
