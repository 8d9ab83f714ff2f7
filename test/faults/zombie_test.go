package faults_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/test/faults/yard"
)

// TestZombie stops a server between its commit and its act, until another
// server of the same database has taken its place. When it goes on, nothing of
// what it was about to do is done.
func TestZombie(t *testing.T) {
	w := raise(t, yard.Options{Database: postgres(t)})
	w.publish(yard.Version{Service: "gauge"}, yard.Version{Service: "gauge"})
	w.deploy("gauge", 1)
	w.press("gauge")
	before := w.Instances()

	zombie, err := w.Role("server")
	w.must(err)
	w.must(os.WriteFile(w.Failpoints(), []byte("controller.committed gauge/test stop\n"), 0o600))
	d := w.ask("gauge", 2)
	w.eventually(20*time.Second, func() error { _, err := os.Stat(w.Failpoints() + ".hit"); return err })
	asked := w.Instances()

	other := w.another()
	events := w.acts(other, d.ID)
	w.must(zombie.Continue())
	sleep(3 * time.Second)
	for _, p := range asked {
		if !p.Alive() {
			t.Errorf("process %d was ended by an owner that was stale (instances were %v)", p.PID, before)
		}
	}
	for _, e := range w.acts(w.Client, d.ID)[len(events):] {
		w.Logf("after it went on: %d %s %s", e.Seq, e.Kind, e.Text)
	}
	fresh := slices.DeleteFunc(w.Instances(), func(p yard.Process) bool { return slices.Contains(asked, p) })
	w.Logf("instances: %d before, %d when it was stopped, %d new since", len(before), len(asked), len(fresh))
	w.ends(d.ID, good...)
}

// another brings up a second server of the same database, and waits until it
// has taken over what the first had.
func (w *world) another() *api.Client {
	w.Helper()
	data := filepath.Join(filepath.Dir(w.Data), "another")
	w.must(os.MkdirAll(data, 0o700))
	w.must(os.Symlink(filepath.Join(w.Data, "blobs"), filepath.Join(data, "blobs")))
	for _, file := range []string{"admin.token"} {
		text, err := os.ReadFile(filepath.Join(w.Data, file))
		w.must(err)
		w.must(os.WriteFile(filepath.Join(data, file), text, 0o600))
	}
	port, err := yard.FreePorts(1)
	w.must(err)
	address := net.JoinHostPort("127.0.0.1", fmt.Sprint(port))
	_, err = w.Start("another", nil, "server", "--data", data, "--listen", address, "--route-port", fmt.Sprint(w.RoutePort), "--queues", "test")
	w.must(err)
	token, err := os.ReadFile(filepath.Join(w.Data, "admin.token"))
	w.must(err)
	c := api.New("http://"+address, strings.TrimSpace(string(token)))
	w.eventually(20*time.Second, func() error { _, err := c.Whoami(w.Context()); return err })
	return c
}

// acts are the events of a deployment so far.
func (w *world) acts(c *api.Client, id int64) []api.Event {
	w.Helper()
	var all []api.Event
	for e, err := range c.Events(w.Context(), 0, false, api.EventFilter{Deployment: id}) {
		w.must(err)
		all = append(all, e)
	}
	return all
}
