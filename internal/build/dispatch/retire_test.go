package dispatch_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/build/dispatch"
)

// stubborn is a store that does not revoke tokens at times.
type stubborn struct {
	dispatch.Store
	fails atomic.Int32
}

func (s *stubborn) RevokeToken(ctx context.Context, hash string) error {
	if s.fails.Add(-1) >= 0 {
		return errors.New("the disk is full")
	}
	return s.Store.RevokeToken(ctx, hash)
}

// A token dies with its attempt, if need be a moment later; and until then what
// it asks for is refused all the same.
func TestATokenDiesWithItsAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, one)
		s := &stubborn{Store: w.store}
		w.Store = s
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.Run(ctx) }()
		w.push("refs/heads/master")
		first := w.take(w.agent("test"))
		if err := w.Start(t.Context(), grant(first)); err != nil {
			t.Fatal(err)
		}
		s.fails.Store(3)
		w.finish(grant(first), 0)
		if _, err := w.store.TokenPrincipal(t.Context(), hash(first.Token)); err != nil {
			t.Fatalf("the token was revoked after all: %v", err)
		}
		wantCode(t, w.MarkDeployed(t.Context(), grant(first)), slipway.Stale, "is over")
		time.Sleep(5 * time.Second)
		_, err := w.store.TokenPrincipal(t.Context(), hash(first.Token))
		wantCode(t, err, slipway.Unauthenticated, "")
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// While a job runs again, what its lost attempt asks for is refused.
func TestALostAttemptDoesNotDeploy(t *testing.T) {
	inBubble(t, one, func(t *testing.T, w *world) {
		w.push("refs/heads/master")
		first := w.run(w.agent("test"))
		time.Sleep(31 * time.Second)
		second := w.run(w.agent("test"))
		if second.Job != first.Job || second.Attempt != 2 {
			t.Fatalf("%+v after %+v", second, first)
		}
		wantCode(t, w.MarkDeployed(t.Context(), first), slipway.Stale, "attempt 1")
		if err := w.MarkDeployed(t.Context(), second); err != nil {
			t.Error(err)
		}
	})
}

// A deployer of test alone cannot have their own pipeline deploy to production.
func TestAPushDeploysNoFurtherThanItsPusher(t *testing.T) {
	w := newWorld(t, "- command: slipway deploy test\n  agents: {queue: test}\n- command: slipway deploy prod\n  agents: {queue: production}")
	p := w.change("refs/heads/master")
	p.Environments = []slipway.EnvironmentName{"test"}
	if _, note, err := w.Push(t.Context(), p); err != nil || note != "" {
		t.Fatal(note, err)
	}
	for queue, want := range map[slipway.Queue]bool{"test": true, "production": false} {
		a := w.take(w.agent(queue))
		by, err := w.store.TokenPrincipal(t.Context(), hash(a.Token))
		if err != nil || by.CanDeploy("prod") || by.CanDeploy("test") != want {
			t.Errorf("queue %s: may deploy to %v, %v", queue, by.Environments, err)
		}
	}
}
