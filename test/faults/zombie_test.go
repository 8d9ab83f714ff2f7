package faults_test

import (
	"database/sql"
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

// TestZombie stops a server between its commit and its act. Nobody can take its
// data directory meanwhile, and it goes on as if nothing had been.
func TestZombie(t *testing.T) {
	w := raise(t, yard.Options{})
	w.publish(yard.Version{Service: "gauge"}, yard.Version{Service: "gauge"})
	w.deploy("gauge", 1)
	w.press("gauge")
	for n := range times(3) {
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
	w.note("stopped %d times", times(3))
}

// TestTwoServers stops a server between its commit and its act, until another
// server of the same database has taken its place. When it goes on, nothing of
// what it was about to do is done.
func TestTwoServers(t *testing.T) {
	address := postgres(t)
	w := raise(t, yard.Options{Database: address})
	w.publish(yard.Version{Service: "gauge"}, yard.Version{Service: "gauge"})
	w.deploy("gauge", 1)
	w.press("gauge")
	before := w.Instances()
	if !full {
		d, err := w.another().Deployment(t.Context(), 1)
		if err != nil || d.Phase != "succeeded" {
			t.Errorf("the second server knows the first deployment as %s: %v", d.Phase, err)
		}
		return
	}

	zombie, err := w.Role("server")
	w.must(err)
	w.must(os.WriteFile(w.Failpoints(), []byte("controller.committed gauge/test stop\n"), 0o600))
	go func() { _, _ = w.Deploy(t.Context(), "gauge", 2) }() // it may be stopped before it answers
	w.eventually(20*time.Second, func() error { _, err := os.Stat(w.Failpoints() + ".hit"); return err })
	asked, owner := w.Instances(), ownerOf(t, address)

	other := w.another()
	all, err := other.Deployments(t.Context(), "gauge", "test", 1)
	w.must(err)
	d := all[0]
	w.eventually(60*time.Second, func() error { // the lease of the first ends
		if ownerOf(t, address) == owner {
			return fmt.Errorf("nobody has taken over from %s", owner)
		}
		return nil
	})
	events := w.acts(other, d.ID)
	for _, e := range events {
		w.Logf("before it went on: %s %d %s %s", e.At.Format("15:04:05.000"), e.Seq, e.Kind, e.Text)
	}
	w.Logf("it goes on at %s", time.Now().UTC().Format("15:04:05.000"))
	w.must(zombie.Continue())
	sleep(3 * time.Second)
	for _, p := range asked {
		if !p.Alive() {
			t.Errorf("process %d was ended by an owner that was stale (instances were %v)", p.PID, before)
		}
	}
	for _, e := range w.acts(w.Client, d.ID)[len(events):] {
		w.Logf("after it went on: %s %d %s %s", e.At.Format("15:04:05.000"), e.Seq, e.Kind, e.Text)
	}
	fresh := slices.DeleteFunc(w.Instances(), func(p yard.Process) bool { return slices.Contains(asked, p) })
	w.Logf("instances: %d before, %d when it was stopped, %d new since", len(before), len(asked), len(fresh))
	w.ends(d.ID, good...)
}

// ownerOf is the server that plans for the service, by what the database says.
func ownerOf(t *testing.T, address string) string {
	t.Helper()
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var owner string
	if err := db.QueryRowContext(t.Context(), "SELECT owner FROM targets WHERE service = 'gauge'").Scan(&owner); err != nil {
		t.Fatal(err)
	}
	return owner
}

// another brings up a second server of the same database, and waits until it
// has taken over what the first had.
func (w *world) another() *api.Client {
	w.Helper()
	data, err := w.Another()
	w.must(err)
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
