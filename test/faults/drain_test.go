package faults_test

import (
	"testing"
	"time"

	"github.com/slipway-cd/slipway/internal/load"
	"github.com/slipway-cd/slipway/test/faults/yard"
)

// TestDrain replaces everything at once again and again, so that most requests
// meet a drain: on kept connections, with bodies on their way, in slow answers
// and in conversations.
func TestDrain(t *testing.T) {
	w := raise(t, yard.Options{})
	w.publish(
		yard.Version{Service: "gauge", Rollout: "strategy: rolling, rolling: { surge: 3, step: 3 }"},
		yard.Version{Service: "gauge", Rollout: "strategy: immutable, immutable: { keep_old: 0s }"},
	)
	w.deploy("gauge", 1)
	w.press("gauge")
	w.loads = append(w.loads, load.Start(rate/2, []load.Aim{{Visitor: load.Post(w.url("gauge")+"/echo", 1_000_000), Share: 1}, {Visitor: load.Post(w.url("gauge")+"/echo", 10), Share: 9}}))
	release := 2
	for range times(10) {
		w.deploy("gauge", release)
		release = 3 - release
		sleep(100 * time.Millisecond)
	}
}
