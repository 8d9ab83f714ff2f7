package router

import (
	"context"
	"time"
)

// What a front forwards by itself is watched from outside, so that it costs the
// others nothing: whether its client is still there, and whether anything still
// moves. net/http's server sees to the former for all others.

const (
	watchEvery = 250 * time.Millisecond

	// A client that takes or sends nothing is not slow, and a silent instance is
	// waited for as long as anybody may reasonably compute.
	clientSilence   = 2 * time.Minute
	instanceSilence = time.Hour
)

// watch looks after requests that take long.
func (h *hall) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			h.look(now)
		}
	}
}

func (h *hall) look(now time.Time) {
	h.mu.Lock()
	var long []*front
	for f := range h.fronts {
		if since := f.since.Load(); since > 0 && now.UnixNano()-since > int64(watchEvery) {
			long = append(long, f)
		}
	}
	h.mu.Unlock()
	for _, f := range long {
		f.look(now)
	}
}

// look ends a request that nobody waits for any more, or in which nothing moves.
func (f *front) look(now time.Time) {
	f.watching.Lock()
	defer f.watching.Unlock()
	since := f.since.Load()
	if since == 0 {
		return // it has ended
	}
	if moved := f.flight.moved.Load(); moved != f.seen || since != f.seenSince {
		f.seen, f.seenSince, f.seenAt = moved, since, now
	}
	switch silent := now.Sub(f.seenAt); {
	case left(f.client.TCPConn):
		f.flight.leave()
	case f.writing.Load() && silent > clientSilence:
		f.flight.leave()
		_ = f.client.SetDeadline(now)
	case silent > instanceSilence:
		f.flight.quiet.Store(true)
		f.flight.stop()
	}
}

// leave notes that the client is gone, and ends what is under way for it.
func (f *flight) leave() {
	f.gone.Store(true)
	f.stop()
}

// stop ends what is under way to the instance.
func (f *flight) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ending != nil && !f.landed {
		_ = f.ending.Close()
	}
}
