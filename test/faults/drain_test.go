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
	t.Parallel()
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

// TestLongConversations has conversations that would go on for ever when their
// instances leave: each may go on for as long as the drain lasts, is then ended
// by a close frame, and the deployment comes to its end. Nobody else loses
// anything.
func TestLongConversations(t *testing.T) {
	t.Parallel()
	w := raise(t, yard.Options{})
	listener, err := w.Listener("test", true)
	w.must(err)
	w.must(w.Declare(w.Context(), listener))
	const drain = 2 * time.Second
	w.publish(
		yard.Version{Service: "gauge", Drain: drain, Rollout: "strategy: rolling, rolling: { surge: 3, step: 3 }"},
		yard.Version{Service: "gauge", Drain: drain, Rollout: "strategy: immutable, immutable: { keep_old: 0s }"},
		yard.Version{Service: "gauge", Drain: drain, Rollout: "strategy: canary, canary: { weights: [50%], hold: 200ms, keep_old: 0s, evidence: none }"},
	)
	w.deploy("gauge", 1)
	w.press("gauge")
	plain := load.Door{}.WebSocket(w.url("gauge")+"/ws", time.Hour, 50*time.Millisecond)
	secure := load.Door{At: listener.Address, TLS: listener.TLS}.WebSocket(listener.URL("gauge")+"/ws", time.Hour, 50*time.Millisecond)
	const each = 10
	for n := range times(3) {
		ended := make(chan time.Time, 2*each)
		for _, v := range []load.Visitor{plain, secure} {
			for range each {
				go func() {
					if err := v.Visit(load.Request{ID: "conversation", Within: time.Minute}); err != nil {
						t.Error(err)
					}
					ended <- time.Now()
				}()
			}
		}
		sleep(500 * time.Millisecond)
		if len(ended) > 0 {
			t.Error("conversations ended before anybody left")
		}
		asked := time.Now()
		w.deploy("gauge", (n+1)%3+1)
		over := time.Now()
		for range 2 * each {
			select {
			case at := <-ended:
				if at.Sub(asked) < drain {
					t.Errorf("a conversation ended after %s, in a drain of %s", at.Sub(asked), drain)
				}
			case <-time.After(5 * time.Second):
				t.Fatal("a conversation goes on after its instance has left")
			}
		}
		if took := over.Sub(asked); took > 3*drain+10*time.Second {
			t.Errorf("the deployment took %s, with drains of %s", took, drain)
		}
	}
	w.note("%d conversations outlived their drain", 2*each*times(3))
}
