package process

import (
	"log/slog"

	"github.com/slipway-cd/slipway/internal/cgroup"
)

// SetBounds makes small images too large.
func SetBounds(d *Driver, bytes int64, entries int) {
	d.trees.bounds.bytes, d.trees.bounds.entries = bytes, entries
}

// WithoutGroups is a driver whose instances have no control groups.
func WithoutGroups(d *Driver, why error) { d.home, d.homeless = cgroup.Home{}, why }

var discard = slog.New(slog.DiscardHandler)

// Watchers counts who is told of changes.
func Watchers(d *Driver) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.hints)
}
