package router

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slipway-cd/slipway/internal/router/wire"
)

// lines are the router's lines to all servers: to the one that it was told of at
// its start, and to those that servers name. Each server has to hear of every
// drain by itself, for any of them may be the one that moves a target.
type lines struct {
	first *link
	open  func(url string) *link

	mu  sync.Mutex
	all map[string]*link // by URL
	use func(*link)      // begins to use one; nil: not yet, or no more
}

// forgotten is how long a server that is named by others may be silent before
// its line is given up, until it is named again.
const forgotten = time.Minute

// mostLines bounds the servers that a router speaks to.
const mostLines = 16

func newLines(server string, open func(url string) *link) *lines {
	first := open(server)
	return &lines{first: first, open: open, all: map[string]*link{first.server: first}}
}

// start uses every line, and those that are opened later, until stop.
func (s *lines) start(use func(*link)) (stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.use = use
	for _, l := range s.all {
		use(l)
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.use = nil
	}
}

// learn opens lines to servers that there is none to.
func (s *lines) learn(urls []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, url := range urls {
		url = strings.TrimSuffix(url, "/")
		if s.all[url] != nil || len(s.all) >= mostLines || checkServer(url) != nil {
			continue
		}
		s.all[url] = s.open(url)
		if s.use != nil {
			s.use(s.all[url])
		}
	}
}

// drop gives up a line whose server has been silent for too long, if others are
// left to name it again.
func (s *lines) drop(l *link, silent time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l == s.first || silent < forgotten {
		return false
	}
	delete(s.all, l.server)
	return true
}

// news has a report sent to every server soon.
func (s *lines) news() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.all {
		notify(l.due)
	}
}

// tell sends one last report to every server, and waits for none longer than
// ctx.
func (s *lines) tell(ctx context.Context, status wire.Status) {
	s.mu.Lock()
	all := slices.Collect(maps.Values(s.all))
	s.mu.Unlock()
	var telling sync.WaitGroup
	for _, l := range all {
		telling.Go(func() { _ = l.report(ctx, status) })
	}
	telling.Wait()
}

// notify leaves a note that something is due, unless one is there.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
