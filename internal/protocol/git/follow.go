package git

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/slipway-cd/slipway"
)

// follow writes how build b goes until it has passed, failed or is blocked, or
// nobody listens any more. A hook that comes again hears only what is new.
func (s *Server) follow(ctx context.Context, w io.Writer, p *push, b *slipway.Build) {
	told := p.told[b.ID]
	if told == nil {
		told = newProgress(s.URL, s.Story)
		p.told[b.ID] = told
	}
	woken, stop := s.Waker.Listen(fmt.Sprintf("build/%s/%d", b.Push.Repository, b.Number))
	defer stop()
	for {
		now, err := s.Store.Build(ctx, b.ID)
		wait := time.Second
		if err == nil {
			var lines []string
			var settled bool
			lines, settled, wait = told.advance(ctx, now, time.Now())
			for _, line := range lines {
				say(w, "%s", line)
			}
			if settled {
				return
			}
		} else if ctx.Err() == nil {
			s.Log.Warn("watching a build", "build", b.Slug(), "err", err)
		}
		select {
		case <-woken:
		case <-time.After(wait):
		case <-ctx.Done():
			say(w, "  … it goes on: slipway build %s --follow", b.Slug())
			return
		}
	}
}
