package faults_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/internal/load"
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
	{"canary", yard.Version{Rollout: "strategy: canary, canary: { weights: [10%, 50%], hold: 300ms, keep_old: 1s, evidence: none }"}, good},
	{"in place", yard.Version{Rollout: "strategy: canary, canary: { detach: 1, weights: [30%], hold: 300ms, evidence: none }"}, good},
	{"slow to drain", yard.Version{Env: map[string]string{"GAUGE_LINGER": "1500ms", "GAUGE_TAKES": "30ms"}}, good},
	{"late", yard.Version{Env: map[string]string{"GAUGE_READY": "700ms"}}, good},
	{"never ready", yard.Version{Deadline: 2 * time.Second, Env: map[string]string{"GAUGE_READY": "never"}}, bad},
	{"never ready canary", yard.Version{Rollout: "strategy: canary, canary: { weights: [10%], hold: 300ms, evidence: none }", Deadline: 2 * time.Second, Env: map[string]string{"GAUGE_READY": "never"}}, bad},
	{"crashes at once", yard.Version{Deadline: 4 * time.Second, Env: map[string]string{"GAUGE_EXIT": "1ms"}}, bad},
	{"crashes later", yard.Version{Rollout: "strategy: immutable, immutable: { keep_old: 1s }", Deadline: 4 * time.Second, Env: map[string]string{"GAUGE_READY": "never", "GAUGE_EXIT": "200ms"}}, bad},
}

var (
	good = []string{"succeeded"}
	bad  = []string{"failed", "rolled_back"}
)

// TestDeployments deploys whatever comes, under load, with a server that is
// killed at any moment, and a router that is killed or upgraded at any moment.
// Nothing is lost but what a killed router had in its own hands, or could not be
// asked while nobody listened in its place.
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
	var routers []outage
	w.excused = func(l load.Loss) string { return withRouter(routers, l) }

	chance := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	length := 4 * time.Second
	if full {
		length = 45 * time.Second
	}
	servers, upgrades, slowest, live := 0, 0, time.Duration(0), 1
	harms := []func(){
		func() { slowest = max(slowest, w.killServer()); servers++ },
		func() { routers = append(routers, w.killRouter()) },
		func() { w.upgradeRouter(); upgrades++ },
		func() {},
	}
	for turn, end := 0, time.Now().Add(length); turn*2 < len(harms) || time.Now().Before(end); turn++ {
		n := chance.IntN(len(fates))
		f := fates[n]
		asked := time.Now()
		d := w.ask("gauge", n+1)
		for n := range 2 {
			sleep(time.Duration(chance.IntN(500)) * time.Millisecond)
			if n += turn * 2; n >= len(harms) { // each has been once
				n = chance.IntN(len(harms))
			}
			harms[n]()
		}
		d = w.ends(d.ID, f.ends...)
		w.Logf("%-20s @%-2d %-12s %5.2f s, %d lost of %d", f.name, n+1, d.Phase, time.Since(asked).Seconds(), l.Lost(), l.Sent())
		if d.Phase == "succeeded" {
			live = n + 1
		}
		w.serves("gauge", live)
	}
	w.note("%d server kills, answering again within %.2f s", servers, slowest.Seconds())
	w.note("%d router upgrades, %d kills", upgrades, len(routers))
	if slowest > 2*time.Second {
		t.Errorf("a server answered %s after it was killed", slowest)
	}
	l.Stop()
	closed, most := time.Duration(0), 0
	for _, o := range routers {
		closed += o.back.Sub(o.at)
		most += inOneRouter + int(rate*o.back.Sub(o.at).Seconds())
	}
	w.note("%d requests lost with routers, whose ports were closed for %.2f s", l.Lost(), closed.Seconds())
	if l.Lost() > most {
		t.Errorf("%d requests were lost with %d routers, more than they can have had", l.Lost(), len(routers))
	}
}

// inOneRouter is the most that a router has in its hands at this load: a request
// takes 0.2 s on average, and more where a version is slow or the machine stalls.
const inOneRouter = 200

// outage is the time in which nobody routed.
type outage struct{ at, gone, back time.Time }

// killRouter kills the router, which its supervisor starts again.
func (w *world) killRouter() outage {
	w.Helper()
	before, err := w.Role("router")
	w.must(err)
	o := outage{at: time.Now()}
	w.must(before.Kill())
	o.gone = time.Now()
	address := strings.TrimPrefix(w.url("gauge"), "http://")
	w.eventually(20*time.Second, func() error {
		if now, err := w.Role("router"); err != nil || now == before {
			return fmt.Errorf("process %d is the router still: %w", now.PID, err)
		}
		return dials(address)
	})
	o.back = time.Now()
	return o
}

// withRouter says why a request was lost with a killed router: it was under way
// then, or asked on a connection that the router had, or nobody listened. What
// was answered, whatever it was, was not lost that way.
func withRouter(outages []outage, l load.Loss) string {
	for _, o := range outages {
		unreached := l.Connected.IsZero() && strings.Contains(l.Why, "connection refused")
		switch {
		case strings.HasPrefix(l.Why, "answered "), l.End.Before(o.at):
		case l.Began.Before(o.gone) && !unreached:
			return "under way"
		case !l.Connected.IsZero() && l.Connected.Before(o.gone):
			return "on a connection of the killed"
		case unreached && l.End.Before(o.back):
			return "nobody listened"
		}
	}
	return ""
}
