package sim

import (
	"context"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/rollout"
)

// hasty is the bug of acting before committing, planted on purpose.
func (s *server) hasty(state slipway.State, now time.Time) slipway.Decision {
	d := rollout.Plan(state, now)
	for _, a := range d.Actions {
		if a.Kind == slipway.ApplyGroup {
			_ = driverDoor{s.w.driver, s}.Apply(context.Background(), *a.Group)
		}
	}
	return d
}
