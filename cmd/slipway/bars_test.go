package main_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/api"
)

var rounds = flag.Int("rounds", 20, "how often the bars are measured")

// TestBars reports how fast the installation of a laptop is; it judges only
// what would be a defect. `go test ./cmd/slipway -run Bars -v -rounds 500`
// measures properly.
func TestBars(t *testing.T) {
	w := newWorld(t)
	t.Run("a job starts soon after it is ready", func(t *testing.T) { jobStarts(t, w) })
	t.Run("three instances roll", func(t *testing.T) { threeRoll(t, w) })
}

// jobStarts pushes branch after branch: each time the agent is idle.
func jobStarts(t *testing.T, w *world) {
	dir := filepath.Join(w.dir, "quick")
	pipeline := filepath.Join(dir, ".buildkite", "pipeline.yml")
	if err := os.MkdirAll(filepath.Dir(pipeline), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(pipeline, []byte("steps:\n  - command: \"true\"\n    agents: { queue: test }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.run(t.Context(), dir, "git", "init", "-q", "-b", "master")
	w.run(t.Context(), dir, "git", "add", "--all")
	w.run(t.Context(), dir, "git", "commit", "-qm", "Be quick")
	w.run(t.Context(), dir, "slipway", "remote", "add", "quick")
	var took []time.Duration
	for i := range *rounds {
		w.run(t.Context(), dir, "git", "push", "-q", "slipway", fmt.Sprintf("master:branch-%d", i))
		var b api.Build
		w.json(&b, "build", fmt.Sprintf("quick/%d", i+1))
		j := b.Jobs[0]
		if b.State != "passed" || j.ReadyAt == nil || j.StartedAt == nil {
			t.Fatalf("build %d: %+v", i+1, b)
		}
		took = append(took, j.StartedAt.Sub(*j.ReadyAt))
	}
	report(t, "a job started after it was ready within", took)
}

func threeRoll(t *testing.T, w *world) {
	w.push("users-backend")
	w.run(t.Context(), w.dir, "slipway", "deploy", "prod", "users-backend@1")
	var took []time.Duration
	for range min(*rounds, 10) {
		w.run(t.Context(), w.dir, "slipway", "restart", "users-backend", "prod")
		var target struct {
			Services []struct{ Targets []api.Target }
		}
		w.json(&target, "status")
		d := target.Services[0].Targets[1].Last
		if d == nil || d.Phase != "succeeded" || d.NewReady != 3 {
			t.Fatalf("the newest deployment: %+v", d)
		}
		took = append(took, d.FinishedAt.Sub(*d.StartedAt))
	}
	report(t, "three instances rolled in", took)
}

func report(t *testing.T, what string, took []time.Duration) {
	slices.Sort(took)
	at := func(p float64) time.Duration {
		return took[min(len(took)-1, int(p*float64(len(took))))].Round(100 * time.Microsecond)
	}
	t.Logf("%s: p50 %s, p90 %s, p99 %s, most %s (of %d)", what, at(.5), at(.9), at(.99), took[len(took)-1].Round(100*time.Microsecond), len(took))
}
