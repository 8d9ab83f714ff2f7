package faults_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/test/faults/yard"
)

// fates are the versions of the service, and how their deployments end.
var fates = []struct {
	name    string
	version yard.Version
	ends    []string
}{
	{"rolling", yard.Version{}, good},
	{"rolling at once", yard.Version{Rollout: "strategy: rolling, rolling: { surge: 3, step: 3 }"}, good},
	{"immutable", yard.Version{Rollout: "strategy: immutable, immutable: { keep_old: 2s }"}, good},
	{"canary", yard.Version{Rollout: "strategy: canary, canary: { weights: [10%, 50%], hold: 300ms, keep_old: 1s }"}, good},
	{"in place", yard.Version{Rollout: "strategy: canary, canary: { detach: 1, weights: [30%], hold: 300ms }"}, good},
	{"slow to drain", yard.Version{Env: map[string]string{"GAUGE_LINGER": "1500ms", "GAUGE_TAKES": "30ms"}}, good},
	{"late", yard.Version{Env: map[string]string{"GAUGE_READY": "700ms"}}, good},
	{"never ready", yard.Version{Deadline: 2 * time.Second, Env: map[string]string{"GAUGE_READY": "never"}}, bad},
	{"never ready canary", yard.Version{Rollout: "strategy: canary, canary: { weights: [10%], hold: 300ms }", Deadline: 2 * time.Second, Env: map[string]string{"GAUGE_READY": "never"}}, bad},
	{"crashes at once", yard.Version{Deadline: 4 * time.Second, Env: map[string]string{"GAUGE_EXIT": "1ms"}}, bad},
	{"crashes later", yard.Version{Rollout: "strategy: immutable, immutable: { keep_old: 1s }", Deadline: 4 * time.Second, Env: map[string]string{"GAUGE_READY": "never", "GAUGE_EXIT": "200ms"}}, bad},
}

var (
	good = []string{"succeeded"}
	bad  = []string{"failed", "rolled_back"}
)

// TestDeployments deploys whatever comes, under load, with a server that is
// killed at any moment.
func TestDeployments(t *testing.T) {
	w := raise(t, yard.Options{})
	var versions []yard.Version
	for _, f := range fates {
		f.version.Service = "gauge"
		versions = append(versions, f.version)
	}
	w.publish(versions...)
	w.deploy("gauge", 1)
	l := w.press("gauge")

	chance := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	length := 4 * time.Second
	if full {
		length = 100 * time.Second
	}
	kills, slowest, live := 0, time.Duration(0), 1
	for end := time.Now().Add(length); time.Now().Before(end); {
		n := chance.IntN(len(fates))
		f := fates[n]
		asked := time.Now()
		d := w.ask("gauge", n+1)
		if chance.IntN(2) == 0 {
			sleep(time.Duration(chance.IntN(800)) * time.Millisecond)
			slowest = max(slowest, w.killServer())
			kills++
		}
		d = w.ends(d.ID, f.ends...)
		w.Logf("%-20s @%-2d %-12s %5.2f s, %d lost of %d", f.name, n+1, d.Phase, time.Since(asked).Seconds(), l.Lost(), l.Sent())
		if d.Phase == "succeeded" {
			live = n + 1
		}
		w.serves("gauge", live)
	}
	w.note("%d server kills, answering again within %.2f s", kills, slowest.Seconds())
	if slowest > 2*time.Second {
		t.Errorf("a server answered %s after it was killed", slowest)
	}
}
