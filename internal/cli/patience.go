package cli

import (
	"context"
	"time"

	"github.com/slipway-cd/slipway"
)

// awayFor is how long a command that watches something waits for a server that
// restarts.
const awayFor = 60 * time.Second

// patience spaces out calls to a server that is away and gives up in the end.
type patience struct {
	limit time.Duration
	since time.Time
	delay time.Duration
}

func (p *patience) reset() { *p = patience{limit: p.limit} }

// again waits before another try. It returns err when it is not one that waiting
// mends, or has lasted too long.
func (p *patience) again(ctx context.Context, err error) error {
	if codeOf(err) != slipway.Unavailable {
		return err
	}
	if p.since.IsZero() {
		p.since, p.delay = time.Now(), 50*time.Millisecond
	}
	if time.Since(p.since) > p.limit {
		return err
	}
	t := time.NewTimer(p.delay)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
	}
	p.delay = min(2*p.delay, 2*time.Second)
	return nil
}
