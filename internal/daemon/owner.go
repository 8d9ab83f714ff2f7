package daemon

import (
	"context"

	"github.com/google/uuid"

	"github.com/slipway-cd/slipway/internal/state/store"
)

// takeOver names this server in leases, by a name that no other ever had, and
// ends the leases of the server that had its seat before: it is dead,
// for we hold its lock. Targets that it was moving go on at once.
func takeOver(ctx context.Context, seat *seat, s *store.Store) (owner string, err error) {
	if last := seat.data.lastAt(seat.name); last.Owner != "" {
		if _, err := s.EndLeases(ctx, last.Owner); err != nil {
			return "", err
		}
	}
	return "server-" + uuid.NewString(), nil
}

// succeed takes over from servers that have died: what they moved goes on at
// once, by whoever looks first.
func (p *parts) succeed(ctx context.Context, dead []seated) {
	p.hub.Wake("routes") // routers speak to every server that lives
	for _, s := range dead {
		targets, err := p.store.EndLeases(ctx, s.Owner)
		if err != nil {
			p.log.Warn("what a dead server moved goes on when its leases are over", "err", err)
		}
		for _, t := range targets {
			p.wakeTarget(t)
		}
	}
}
