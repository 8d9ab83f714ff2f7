package daemon

import (
	"context"
	"os"

	"github.com/google/uuid"

	"github.com/slipway-cd/slipway/internal/state/store"
)

// takeOver names this server in leases, by a name that no other ever had, and
// ends the leases of the server that had its seat before: it is dead,
// for we hold its lock. Targets that it was moving go on at once.
func takeOver(ctx context.Context, seat *seat, s *store.Store) (owner string, err error) {
	file := seat.data.ownerFile(seat.name)
	if last, err := os.ReadFile(file); err == nil && len(last) > 0 {
		if _, err := s.EndLeases(ctx, string(last)); err != nil {
			return "", err
		}
	}
	owner = "server-" + uuid.NewString()
	return owner, writePrivate(file, []byte(owner))
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
