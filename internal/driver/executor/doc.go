// Package executor is a driver on the other side of a unix socket: one process
// of a host has the driver ([Serve]), every server of that host asks it
// ([Client]).
//
//	controller ─► Client ─ HTTP over a unix socket ─► Handler ─► driver.Driver
//
// So instances have one owner, whoever may plan: several servers can act through
// it, one after another, and a server that was stopped meanwhile finds its fence
// refused. A client is a [driver.Driver] in every respect; what the driver says
// is wrong comes back with its code and its words.
//
// Who may connect owns the socket's directory, which is private to the user who
// runs Slipway: there are no tokens. Secrets never pass here; the driver opens
// them by itself.
package executor

import (
	"context"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/driver"
)

// Driver is what an executor has: a driver of this host, with all that drivers
// may do besides.
type Driver interface {
	driver.Driver
	driver.Observer
	driver.Watcher
	driver.Recorder
	driver.Limited

	// PruneTrees removes the unpacked images that nothing runs from, that were
	// not asked for since then and are not kept, and tells how many and what that
	// freed; dry, what it would.
	PruneTrees(ctx context.Context, keep map[slipway.Digest]bool, since time.Time, dry bool) (n int, bytes int64, err error)
}

var _ Driver = (*Client)(nil)
