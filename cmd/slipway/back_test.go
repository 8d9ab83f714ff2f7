package main_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/api"
)

// backWithin is how soon after the decision nobody may be sent to the candidate
// any more, while the old group exists.
const backWithin = 200 * time.Millisecond

// TestTrafficIsBackAtOnce measures with a real router how long after the
// decision the last request went to what is left: when a canary is aborted, and
// when a person returns to a group that is kept.
func TestTrafficIsBackAtOnce(t *testing.T) {
	w := newWorld(t)
	dir := w.beacon("strategy: canary, canary: { weights: [50%], hold: 1h }")
	w.run(t.Context(), dir, "slipway", "deploy", "prod")
	url := fmt.Sprintf("http://127.0.0.1:%d", w.port+2)

	w.change(dir, "Again")
	moving := w.begin(dir)
	w.until("half of the traffic", func() bool { return w.deployment(moving).HeldSince != nil })
	stop := watchReleases(t, url)
	time.Sleep(300 * time.Millisecond)
	w.run(t.Context(), dir, "slipway", "abort", fmt.Sprint(moving))
	w.until("its end", func() bool { return w.deployment(moving).Ended })
	last := stop()
	report(t, "the canary's last request came after the decision by", w.late(moving, "goes back to @1", last["@2"]))

	w.write(dir, "strategy: immutable, immutable: { keep_old: 5m }")
	w.change(dir, "Keep the old")
	w.run(t.Context(), dir, "slipway", "deploy", "prod")
	stop = watchReleases(t, url)
	time.Sleep(300 * time.Millisecond)
	w.run(t.Context(), dir, "slipway", "rollback", "beacon", "prod")
	var status struct {
		Services []struct{ Targets []api.Target }
	}
	w.json(&status, "status")
	back := status.Services[0].Targets[1].Last
	if back == nil || back.Kind != "rollback" || back.Phase != "succeeded" || back.Release != 1 {
		t.Fatalf("the newest deployment: %+v", back)
	}
	last = stop()
	report(t, "the last request to what was left came after the decision by", w.late(back.ID, "goes back to @1", last["@3"]))
}

// late is how long after a decision of a deployment at came. It judges.
func (w *world) late(id int64, decision string, at time.Time) []time.Duration {
	w.t.Helper()
	for _, why := range w.deployment(id).Why {
		if strings.HasPrefix(why.Text, decision) {
			late := max(0, at.Sub(why.At))
			if at.IsZero() || late > backWithin {
				w.t.Errorf("deployment %d: the last request went there %s after the decision, want at most %s", id, late, backWithin)
			}
			return []time.Duration{late}
		}
	}
	w.t.Fatalf("deployment %d never decided %q", id, decision)
	return nil
}

// watchReleases asks on fresh connections until stop, which says when each
// release was last sent a request.
func watchReleases(t *testing.T, url string) (stop func() map[string]time.Time) {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	last, over := map[string]time.Time{}, make(chan struct{})
	var asking sync.WaitGroup
	asking.Go(func() {
		for {
			select {
			case <-over:
				return
			case <-time.After(2 * time.Millisecond):
			}
			at := time.Now()
			r, err := client.Get(url)
			if err != nil {
				t.Errorf("a request was lost: %v", err)
				continue
			}
			text, _ := io.ReadAll(r.Body)
			_ = r.Body.Close()
			for word := range strings.FieldsSeq(string(text)) {
				if strings.HasPrefix(word, "@") {
					last[strings.TrimSuffix(word, ",")] = at
				}
			}
		}
	})
	return func() map[string]time.Time { close(over); asking.Wait(); return last }
}

// beacon pushes the scripts' service, two of it in prod by a strategy.
func (w *world) beacon(strategy string) string {
	w.t.Helper()
	dir := filepath.Join(w.dir, "beacon")
	if err := os.MkdirAll(filepath.Join(dir, ".buildkite"), 0o700); err != nil {
		w.t.Fatal(err)
	}
	pipeline := "steps:\n  - command: cp \"$$(command -v beacon)\" . && slipway image publish && slipway deploy test\n    agents: { queue: test }\n"
	if err := os.WriteFile(filepath.Join(dir, ".buildkite", "pipeline.yml"), []byte(pipeline), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.write(dir, strategy)
	w.run(w.t.Context(), dir, "git", "init", "-q", "-b", "master")
	w.run(w.t.Context(), dir, "git", "add", "--all")
	w.run(w.t.Context(), dir, "git", "commit", "-qm", "Light the beacon")
	w.run(w.t.Context(), dir, "slipway", "remote", "add")
	w.run(w.t.Context(), dir, "git", "push", "-q", "slipway", "master")
	return dir
}

func (w *world) write(dir, strategy string) {
	w.t.Helper()
	manifest := `service: beacon
kind: web
image: { static: { files: [{ from: beacon, to: /beacon }], entrypoint: [/beacon] } }
run: { port: 8000, drain: 1s, stop_grace: 1s }
health: { ready: { http: /readyz }, deadline: 20s }
environments: { test: { replicas: 1 }, prod: { replicas: 2, ` + strategy + " } }\n"
	if err := os.WriteFile(filepath.Join(dir, "slipway.yaml"), []byte(manifest), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// change pushes one more commit.
func (w *world) change(dir, message string) {
	w.t.Helper()
	w.run(w.t.Context(), dir, "git", "commit", "-qam", message, "--allow-empty")
	w.run(w.t.Context(), dir, "git", "push", "-q", "slipway", "master")
}

// begin asks for a deployment to prod and does not wait for it.
func (w *world) begin(dir string) int64 {
	w.t.Helper()
	token, err := os.ReadFile(filepath.Join(w.dir, ".local", "share", "slipway", "admin.token"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.client = api.New(fmt.Sprintf("http://127.0.0.1:%d", w.port), strings.TrimSpace(string(token)))
	d, err := w.client.Deploy(w.t.Context(), api.CreateDeployment{Service: filepath.Base(dir), Environment: "prod", Kind: "deploy"})
	if err != nil {
		w.t.Fatal(err)
	}
	return d.ID
}

func (w *world) deployment(id int64) api.Deployment {
	w.t.Helper()
	d, err := w.client.Deployment(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (w *world) until(what string, is func() bool) {
	w.t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("never: %s", what)
		}
	}
}
