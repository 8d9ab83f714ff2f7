package store

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	clockEvery  = 30 * time.Second // between two looks at the database's clock
	clockWithin = time.Second      // a look that took longer says too little
)

// Clock tells the time by the database's clock without asking it each time, so
// that several servers agree on when a lease ends whatever their own clocks
// say. Between two looks the process's monotonic clock carries it on: it is
// wrong by half of what the last look took, and by what the clocks drift apart
// in 30 s.
type Clock struct {
	ask func(context.Context) (time.Time, error)

	mu   sync.Mutex
	here time.Time // by this process, with its monotonic reading
	then time.Time // by the database, at the same moment
}

// Clock looks at the database's clock for the first time. [Clock.Run] keeps it
// right.
func (s *Store) Clock(ctx context.Context) (*Clock, error) {
	c := &Clock{ask: s.Now}
	return c, c.look(ctx)
}

// Now is the time by the database's clock, in UTC, in microseconds.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.then.Add(time.Since(c.here)).Truncate(time.Microsecond)
}

// Run looks at the database's clock again and again until ctx ends.
func (c *Clock) Run(ctx context.Context, log *slog.Logger) error {
	every := time.NewTicker(clockEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		}
		if err := c.look(ctx); err != nil && ctx.Err() == nil {
			log.Warn("the database did not say the time", "err", err)
		}
	}
}

// look asks the database. An answer that took too long is taken only when there
// is none yet.
func (c *Clock) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, clockEvery)
	defer cancel()
	asked := time.Now()
	then, err := c.ask(ctx)
	if err != nil {
		return err
	}
	took := time.Since(asked)
	c.mu.Lock()
	defer c.mu.Unlock()
	if took <= clockWithin || c.here.IsZero() {
		c.here, c.then = asked.Add(took/2), then.UTC()
	}
	return nil
}
