package cli

import (
	"context"
	"time"

	"github.com/slipway-cd/slipway/api"
)

// hint says that something may have changed. It is no more than a hint: who
// waits for it looks again from time to time without one.
type hint <-chan struct{}

// hints follows the events of filter until ctx ends.
func hints(ctx context.Context, client *api.Client, filter api.EventFilter) hint {
	c := make(chan struct{}, 1)
	go func() {
		for ctx.Err() == nil {
			// What broke mends itself, or the one who waits finds it.
			_ = events(ctx, client, -1, true, filter, func(api.Event) error {
				select {
				case c <- struct{}{}:
				default:
				}
				return nil
			})
			sleep(ctx, time.Second)
		}
	}()
	return c
}

const (
	lookEvery = 2 * time.Second        // without a hint
	drawEvery = 150 * time.Millisecond // on a terminal, where seconds count up
)

// wait returns when it is time to look again, or with the error of ctx.
func (h hint) wait(ctx context.Context, terminal bool) error {
	every := lookEvery
	if terminal {
		every = drawEvery
	}
	t := time.NewTimer(every)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-h:
	case <-t.C:
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
