// Package driver says what Slipway asks of whatever runs instances: local
// processes, Docker, Kubernetes. Each of them is a package below this one and
// passes the suite in drivertest.
//
// A driver decides nothing. It makes groups exist, heals what dies and reports
// what it finds; which instance has to go, and when, is decided by a planner,
// one instance at a time.
package driver

import (
	"context"
	"io"
	"time"

	"github.com/slipway-cd/slipway"
)

// Driver makes groups exist. Every call may be repeated, and every call that
// changes something carries a fence: one lower than the highest seen for the
// target is refused with [slipway.Stale] and changes nothing. The highest is
// kept on disk, written before the call acts.
type Driver interface {
	// Apply starts instances of g until there are g.Replicas that were not
	// asked to stop. It never picks a victim: with fewer replicas than
	// instances it only stops healing. It returns once they are started, which
	// is before they are ready.
	//
	// A group never changes its revision: another one is Invalid.
	Apply(ctx context.Context, g slipway.GroupSpec) error

	// Stop ends an instance that is drained already: SIGTERM, the revision's
	// stop grace, SIGKILL. It returns at once; List tells how far it is. An
	// instance that is not known is no error, one of another target is Invalid.
	Stop(ctx context.Context, t slipway.TargetID, i slipway.InstanceID, f slipway.Fence) error

	// Forget gives up a stopped instance: its name and its port may be used
	// again. One that has not stopped is a Conflict, one that is not known is
	// no error.
	Forget(ctx context.Context, t slipway.TargetID, i slipway.InstanceID, f slipway.Fence) error

	// List is everything this driver owns, whoever asked for it, sorted by
	// target, group and age. It is complete, or an error.
	List(ctx context.Context) ([]slipway.GroupStatus, error)
}

// Observer is a driver that can look at one target alone. What it costs does
// not grow with what else there is.
type Observer interface {
	// Observe is what List says of the groups of t: complete, or an error. A
	// driver that knows what instances say and use tells it here, and here alone.
	Observe(ctx context.Context, t slipway.TargetID) ([]slipway.GroupStatus, error)
}

// Watcher is a driver that tells when something changes.
type Watcher interface {
	// Watch calls hint after a group of the target has changed, until ctx
	// ends. Hints may merge and may be spurious; what is true, List says. hint
	// must not block.
	Watch(ctx context.Context, hint func(slipway.TargetID)) error
}

// Logger is a driver that keeps what instances print.
type Logger interface {
	// Logs reads the last tail lines that an instance printed (all that are
	// kept when tail < 0) and, with follow, what it prints from then on, until
	// it has stopped or ctx ends. An unknown instance is NotFound.
	Logs(ctx context.Context, t slipway.TargetID, i slipway.InstanceID, tail int, follow bool) (io.ReadCloser, error)
}

// Recorder is a Logger that knows when something was printed, and keeps the end
// of it when an instance is gone.
type Recorder interface {
	Logger

	// Printed lists whose output is kept of a target, who began first first.
	Printed(ctx context.Context, t slipway.TargetID) ([]slipway.Output, error)

	// LogsSince is Logs without what was printed before a moment, to the second.
	LogsSince(ctx context.Context, t slipway.TargetID, i slipway.InstanceID, since time.Time, tail int, follow bool) (io.ReadCloser, error)
}

// Limited is a driver that cannot promise everything.
type Limited interface {
	// Limits are sentences for the person who reads a plan.
	Limits() []string
}
