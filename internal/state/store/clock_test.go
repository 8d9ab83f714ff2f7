package store

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A database whose clock is an hour ahead, and which answers after a while.
type farClock struct {
	mu           sync.Mutex
	ahead, after time.Duration
	err          error
}

func (f *farClock) set(ahead, after time.Duration, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ahead, f.after, f.err = ahead, after, err
}

func (f *farClock) ask(context.Context) (time.Time, error) {
	f.mu.Lock()
	ahead, after, err := f.ahead, f.after, f.err
	f.mu.Unlock()
	time.Sleep(after / 2)
	now := time.Now().Add(ahead)
	time.Sleep(after / 2)
	return now, err
}

func TestAClockGoesByTheDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &farClock{ahead: time.Hour, after: 20 * time.Millisecond}
		c := &Clock{ask: db.ask}
		if err := c.look(t.Context()); err != nil {
			t.Fatal(err)
		}
		agrees := func(when string, ahead time.Duration) {
			t.Helper()
			if off := c.Now().Sub(time.Now().Add(ahead)); off.Abs() > time.Millisecond {
				t.Errorf("%s the clock is wrong by %s", when, off)
			}
		}
		agrees("at the start", time.Hour)
		time.Sleep(time.Minute)
		agrees("a minute later", time.Hour)

		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = c.Run(ctx, slog.New(slog.DiscardHandler)) })
		defer running.Wait()
		defer cancel()
		db.set(time.Minute, 20*time.Millisecond, nil)
		time.Sleep(clockEvery + time.Second)
		agrees("after the database's clock was set", time.Minute)

		db.set(time.Minute, 0, errors.New("gone"))
		time.Sleep(time.Hour)
		agrees("while the database is gone", time.Minute)

		db.set(2*time.Minute, 10*time.Second, nil)
		time.Sleep(2 * clockEvery)
		agrees("when an answer that took too long says nothing", time.Minute)
	})
}
