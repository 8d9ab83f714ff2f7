package faults_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/test/faults/yard"
)

// seat is one of two servers, and how it is asked.
type seat struct {
	yard.Process
	client *api.Client
}

// pair is a world with two servers on its database and data directory.
func pair(t *testing.T) (w *world, up, beside *seat) {
	w = raise(t, yard.Options{Database: postgres(t)})
	w.publish(yard.Version{Service: "gauge"}, yard.Version{Service: "gauge"})
	w.deploy("gauge", 1)
	w.press("gauge")
	server, err := w.Role("server")
	w.must(err)
	return w, &seat{server, w.Client}, w.join()
}

// join starts the other server.
func (w *world) join() *seat {
	w.Helper()
	token, err := os.ReadFile(w.Data + "/admin.token")
	w.must(err)
	p, err := w.Server()
	w.must(err)
	s := &seat{p, api.New("http://"+w.Beside(), strings.TrimSpace(string(token)))}
	w.eventually(20*time.Second, func() error {
		_, err := s.client.Whoami(w.Context())
		return err
	})
	return s
}

// TestZombieOfTwo stops whichever of two servers moves a target, between its
// commit and its act. The other takes the target over, moves it to where it was
// asked to go, and back. What the first does when it goes on is over.
func TestZombieOfTwo(t *testing.T) {
	t.Parallel()
	w, up, beside := pair(t)
	for n := range times(3) {
		_ = os.Remove(w.Failpoints() + ".hit")
		w.must(os.WriteFile(w.Failpoints(), []byte("controller.committed gauge/test stop\n"), 0o600))
		asked := []*seat{up, beside}[n%2]
		go func() {
			_, _ = asked.client.Deploy(w.Context(), api.CreateDeployment{Service: "gauge", Environment: "test", Kind: "deploy", Release: 2})
		}() // it may be stopped before it answers
		w.eventually(20*time.Second, func() error {
			if _, err := os.Stat(w.Failpoints() + ".hit"); err != nil || up.Suspended() == beside.Suspended() {
				return fmt.Errorf("nobody is stopped: %w", err)
			}
			return nil
		})
		zombie, other := up, beside
		if beside.Suspended() {
			zombie, other = beside, up
		}
		w.Client = other.client
		began := time.Now()
		w.serves("gauge", 2)
		w.note("taken over in %.1f s", time.Since(began).Seconds())
		w.deploy("gauge", 1)
		w.must(zombie.Continue())
		sleep(2 * time.Second)
		for _, s := range []*seat{zombie, other} {
			w.Client = s.client
			w.serves("gauge", 1)
			w.owned(3)
		}
	}
}

// TestServersDieInTurn kills each of two servers while deployments go on: the
// other is asked, and goes on with what the first was at.
func TestServersDieInTurn(t *testing.T) {
	t.Parallel()
	w, up, beside := pair(t)
	for n := range 2 * times(3) {
		w.Client = []*seat{up, beside}[n%2].client
		d := w.ask("gauge", 2-n%2)
		sleep(time.Duration(n%4) * 40 * time.Millisecond)
		began := time.Now()
		if n%2 == 0 {
			server, err := w.Role("server")
			w.must(err)
			w.must(server.Kill())
			w.Client = beside.client
		} else {
			w.must(beside.Kill())
			w.Client = up.client
		}
		w.ends(d.ID, "succeeded")
		w.note("%.1f s", time.Since(began).Seconds())
		w.serves("gauge", 2-n%2)
		if n%2 == 1 {
			beside = w.join()
		}
	}
	w.Client = up.client
	w.owned(3)
}
