package wake

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// Line carries hints between the hubs of several servers.
type Line interface {
	// Carry says to the others what next returns, which waits until there is
	// something, and calls heard with what they say, until ctx ends. The topic ""
	// stands for all of them: what was said may have been lost. Heard returns at
	// once.
	Carry(ctx context.Context, next func(context.Context) []string, heard func(topics []string)) error
}

// Bounds of what passes between servers.
const (
	maxSaid   = 512                   // topics that wait to be said; more become ""
	sayEvery  = 10 * time.Millisecond // at most; what comes between is said together
	floodWait = time.Second           // after a "", which is dear
	stirEvery = 20 * time.Millisecond // after a "" was heard, so many topics are woken
	stirMost  = 20                    // each time
)

// Peers is the topic of a hint at topic that another server gave.
func Peers(topic string) string { return "peers/" + topic }

// Join passes hints between h and the hubs of other servers until ctx ends. What
// others are woken by wakes the same topic here, and [Peers] of it. Nobody who
// wakes is ever kept waiting.
func (h *Hub) Join(ctx context.Context, line Line) error {
	p := &peers{hub: h, said: map[string]struct{}{}, more: make(chan struct{}, 1), gap: make(chan struct{}, 1)}
	h.mu.Lock()
	h.peers = p
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		h.peers = nil
		h.mu.Unlock()
	}()
	var stirring sync.WaitGroup
	stirring.Go(func() { p.stir(ctx) })
	defer stirring.Wait()
	return line.Carry(ctx, p.next, p.heard)
}

// peers is what one hub has to say to the others. The hub's mutex guards what is
// said.
type peers struct {
	hub  *Hub
	said map[string]struct{}
	over bool // more was said than is kept
	more chan struct{}
	gap  chan struct{}
	last time.Time     // used by next alone
	rest time.Duration // before the next may be said
}

// say keeps a topic for the others.
func (p *peers) say(topic string) {
	switch {
	case p.over:
		return
	case len(p.said) >= maxSaid || topic == "":
		p.over, p.said = true, map[string]struct{}{}
	default:
		p.said[topic] = struct{}{}
	}
	signal(p.more)
}

// next waits until there is something to say, but not longer than until ctx
// ends.
func (p *peers) next(ctx context.Context) []string {
	select {
	case <-p.more:
	case <-ctx.Done():
		return nil
	}
	sleep(ctx, time.Until(p.last.Add(p.rest)))
	p.hub.mu.Lock()
	topics := make([]string, 0, len(p.said))
	for t := range p.said {
		topics = append(topics, t)
	}
	over := p.over
	p.said, p.over = map[string]struct{}{}, false
	p.hub.mu.Unlock()
	p.last, p.rest = time.Now(), sayEvery
	if over {
		p.rest = floodWait
		return []string{""}
	}
	return topics
}

// heard wakes here what another server was woken by, and does not say it again.
func (p *peers) heard(topics []string) {
	p.hub.mu.Lock()
	defer p.hub.mu.Unlock()
	for _, t := range topics {
		if t == "" {
			signal(p.gap)
			continue
		}
		p.hub.wake(t)
		p.hub.wake(Peers(t))
	}
	p.hub.wake("")
}

// stir wakes every listener after a gap in what was heard: it reads the state,
// as it would without any hint after a while. They are many, so they are woken by
// and by, those first whose topic is not one thing's alone.
func (p *peers) stir(ctx context.Context) {
	for {
		select {
		case <-p.gap:
		case <-ctx.Done():
			return
		}
		topics := p.hub.topics()
		for some := range slices.Chunk(topics, stirMost) {
			p.hub.mu.Lock()
			for _, t := range some {
				p.hub.wake(t)
			}
			p.hub.mu.Unlock()
			if sleep(ctx, stirEvery); ctx.Err() != nil {
				return
			}
		}
	}
}

// topics are those that somebody listens to.
func (h *Hub) topics() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]string, 0, len(h.listeners))
	for t := range h.listeners {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b string) int {
		if own := strings.Count(rest(a), "/") - strings.Count(rest(b), "/"); own != 0 {
			return own
		}
		return strings.Compare(a, b)
	})
	return all
}

// rest is a topic without what says that it is of others.
func rest(topic string) string { return strings.TrimPrefix(topic, Peers("")) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // one is waiting there already
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
