package controller

import (
	"context"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/evidence"
)

// Asker asks others what they have counted of the releases of a candidate and of
// what serves beside it; 0: nothing does. *prometheus.Asker is one.
type Asker interface {
	Ask(ctx context.Context, t slipway.TargetID, canary, baseline int, queries []slipway.Query) []evidence.Answer
}

// askEvery is the least time from one question to others to the next.
const askEvery = time.Second

// asking is what others are asked about the candidates of a target, one thing at a
// time.
type asking struct {
	about   slipway.DeploymentID
	asked   time.Time
	answers chan []evidence.Answer // nil: nobody is asked now
}

// hear returns what others have answered since the last time, if anything, and has
// them asked again. It waits for nobody: who is slow must not keep the target from
// being planned for.
func (c *Controller) hear(ctx context.Context, a *asking, s *slipway.State, now time.Time) (heard []evidence.Answer) {
	candidate := s.Specs[s.Deployment.Candidate].Revision
	if c.Asker == nil || len(candidate.Evidence.Queries) == 0 {
		return nil
	}
	select {
	case heard = <-a.answers:
		if a.answers = nil; a.about != s.Deployment.ID {
			heard = nil // it was of the candidate before
		}
	default:
	}
	if a.answers == nil && now.Sub(a.asked) >= askEvery {
		a.about, a.asked, a.answers = s.Deployment.ID, now, make(chan []evidence.Answer, 1)
		answers, stable := a.answers, s.Specs[s.Deployment.Stable].Revision.Release
		c.asks.Go(func() {
			answers <- c.Asker.Ask(ctx, s.Target.ID, candidate.Release, stable, candidate.Evidence.Queries)
		})
	}
	return heard
}
