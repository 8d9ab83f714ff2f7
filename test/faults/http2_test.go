package faults_test

import (
	"testing"
	"time"

	"github.com/slipway-cd/slipway/internal/load"
	"github.com/slipway-cd/slipway/test/faults/yard"
)

// TestHTTP2 replaces everything, router included, under clients that speak
// HTTP/2: by prior knowledge at the port of a route, and under TLS at the
// environment's listener; to instances that speak HTTP/1.1 and to those that
// speak HTTP/2. Who has a connection is told by GOAWAY that it ends, and what is
// on its way arrives.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	w := raise(t, yard.Options{})
	listener, err := w.Listener("test", true)
	w.must(err)
	w.must(w.Declare(w.Context(), listener))
	services := map[string]string{"gauge": "http1", "streams": "h2c"}
	ways := []string{
		"strategy: rolling, rolling: { surge: 3, step: 3 }",
		"strategy: immutable, immutable: { keep_old: 0s }",
		"strategy: canary, canary: { weights: [10%, 50%], hold: 200ms, keep_old: 0s, evidence: none }",
	}[:times(2)+1]
	var versions []yard.Version
	for service, protocol := range services {
		for _, way := range ways {
			versions = append(versions, yard.Version{Service: service, Protocol: protocol, Rollout: way})
		}
	}
	w.publish(versions...)
	for service := range services {
		w.deploy(service, 1)
	}
	for service, protocol := range services {
		known, secure := load.Door{HTTP2: true}, load.Door{HTTP2: true, TLS: listener.TLS, At: listener.Address}
		w.loads = append(w.loads,
			load.Start(rate/2, mix(known, w.url(service), false)),
			load.Start(rate/2, mix(secure, listener.URL(service), protocol == "http1")))
	}
	upgrades := 0
	for range times(2) {
		for release := range ways {
			var asked []int64
			for service := range services {
				asked = append(asked, w.ask(service, (release+1)%len(ways)+1).ID)
			}
			w.upgradeRouter() // while both are on their way
			upgrades++
			for _, id := range asked {
				w.ends(id, good...)
			}
		}
		if full {
			w.upgradeRouter() // while nothing else happens
			upgrades++
			sleep(200 * time.Millisecond)
		}
	}
	again := 0
	for _, l := range w.loads {
		l.Stop()
		again += l.Again()
	}
	w.note("%d router upgrades, %d requests told that they were not begun", upgrades, again)
}

// upgradeRouter has a new process take over from the router, which returns once
// it has.
func (w *world) upgradeRouter() {
	w.Helper()
	before, err := w.Role("router")
	w.must(err)
	_, err = w.Do(w.Context(), w.TempDir(), w.Slipway, "router", "--upgrade")
	w.must(err)
	after, err := w.Role("router")
	w.must(err)
	if after == before {
		w.Errorf("process %d is the router still after an upgrade", before.PID)
	}
}
