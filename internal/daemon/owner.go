package daemon

import (
	"context"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"github.com/slipway-cd/slipway/internal/state/store"
)

// takeOver names this server in leases, by a name that no other ever had, and
// ends the leases of the server that had the data directory before: it is dead,
// for we hold its lock. Targets that it was moving go on at once.
func takeOver(ctx context.Context, data Data, s *store.Store) (owner string, err error) {
	file := filepath.Join(data.run(), "owner")
	if last, err := os.ReadFile(file); err == nil && len(last) > 0 {
		if err := s.EndLeases(ctx, string(last)); err != nil {
			return "", err
		}
	}
	owner = "server-" + uuid.NewString()
	return owner, writePrivate(file, []byte(owner))
}
