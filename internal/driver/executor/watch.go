package executor

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/driver"
)

const (
	beat       = time.Second // between two lines at the most; an empty one says that we are here
	silence    = 5 * beat    // after which a client gives a connection up
	pauseFirst = 50 * time.Millisecond
	pauseMost  = time.Second // between two attempts to connect
)

// watch writes a line for each target that changes, until ctx ends. Hints merge
// while the other side is slow.
func watch(ctx context.Context, w http.ResponseWriter, d driver.Watcher) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	c := changes{some: make(chan struct{}, 1), targets: map[slipway.TargetID]bool{}}
	var watching sync.WaitGroup
	watching.Go(func() { _ = d.Watch(ctx, c.add) })
	defer watching.Wait()
	defer stop()
	out := json.NewEncoder(flushing{w, http.NewResponseController(w)})
	alive := time.NewTicker(beat)
	defer alive.Stop()
	for {
		if out.Encode(c.take()) != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-c.some:
		case <-alive.C:
		}
	}
}

// changes are targets that somebody is to look at.
type changes struct {
	some chan struct{} // holds a value when there may be some

	mu      sync.Mutex
	targets map[slipway.TargetID]bool
}

func (c *changes) add(t slipway.TargetID) {
	c.mu.Lock()
	c.targets[t] = true
	c.mu.Unlock()
	select {
	case c.some <- struct{}{}:
	default:
	}
}

func (c *changes) take() []slipway.TargetID {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]slipway.TargetID, 0, len(c.targets))
	for t := range c.targets {
		all = append(all, t)
	}
	clear(c.targets)
	return all
}

// Watch hears of changes as long as the executor is there, and hints at
// everything when it is there again.
func (c *Client) Watch(ctx context.Context, hint func(slipway.TargetID)) error {
	for pause := pauseFirst; ctx.Err() == nil; pause = min(2*pause, pauseMost) {
		if c.hear(ctx, hint) {
			pause = pauseFirst
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return nil
}

// hear passes hints on until the connection breaks, and reports whether there
// was one.
func (c *Client) hear(ctx context.Context, hint func(slipway.TargetID)) bool {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	quiet := time.AfterFunc(silence, stop)
	defer quiet.Stop()
	body, err := c.open(ctx, watchPath, asked{})
	if err != nil {
		return false
	}
	defer func() { _ = body.Close() }()
	groups, err := c.List(ctx) // what changed before we heard
	if err != nil {
		return false
	}
	for _, g := range groups {
		hint(g.Target)
	}
	lines := bufio.NewReader(io.Reader(body))
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return true
		}
		quiet.Reset(silence)
		var targets []slipway.TargetID
		if json.Unmarshal(line, &targets) != nil {
			return true
		}
		for _, t := range targets {
			hint(t)
		}
	}
}
