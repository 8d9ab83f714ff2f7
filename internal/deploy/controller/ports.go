package controller

import (
	"context"
	"time"

	"github.com/slipway-cd/slipway"
)

// Store keeps what was decided, and what is asked for.
type Store interface {
	States
	Catalog
}

// States is where the state of targets is kept. Errors are of code Stale when
// somebody else has committed meanwhile, Conflict when the lease is another's.
type States interface {
	Acquire(ctx context.Context, t slipway.TargetID, owner string, ttl time.Duration) (slipway.Fence, error)
	LoadState(ctx context.Context, t slipway.TargetID) (slipway.State, error)
	CommitState(ctx context.Context, owner string, from slipway.Fence, next slipway.State, events ...slipway.Event) (slipway.Fence, error)
	AppendEvents(ctx context.Context, events ...slipway.Event) error
	Target(ctx context.Context, t slipway.TargetID) (slipway.Target, error)
	TargetIDs(ctx context.Context) ([]slipway.TargetID, error)
}

// Catalog is what can be deployed, and what was.
type Catalog interface {
	Release(ctx context.Context, s slipway.ServiceName, number int) (slipway.Release, error)
	Releases(ctx context.Context, s slipway.ServiceName, limit int) ([]slipway.Release, error)
	ReleasesOfBuild(ctx context.Context, b slipway.BuildID) ([]slipway.Release, error)
	EnsureTarget(ctx context.Context, t slipway.Target, port func(taken []int) (int, error)) (slipway.Target, error)
	CreateDeployment(ctx context.Context, d slipway.Deployment, r slipway.Revision, want int, events ...slipway.Event) (slipway.Deployment, bool, error)
	Deployment(ctx context.Context, d slipway.DeploymentID) (slipway.Deployment, error)
	Deployments(ctx context.Context, f slipway.DeploymentFilter, limit int) ([]slipway.Deployment, error)
	Revision(ctx context.Context, r slipway.RevisionID) (slipway.Revision, error)
}

// Driver makes groups exist. Every call is idempotent and fenced: a fence lower
// than the highest seen for the target is Stale. Invalid, NotFound and TooLarge
// are for good, other errors are worth another try.
type Driver interface {
	Apply(ctx context.Context, g slipway.GroupSpec) error
	Stop(ctx context.Context, t slipway.TargetID, i slipway.InstanceID, f slipway.Fence) error
	Forget(ctx context.Context, t slipway.TargetID, i slipway.InstanceID, f slipway.Fence) error
	List(ctx context.Context) ([]slipway.GroupStatus, error)
}

// Observer is a driver that can look at one target alone, which is what most
// steps need.
type Observer interface {
	Observe(ctx context.Context, t slipway.TargetID) ([]slipway.GroupStatus, error)
}

// Traffic splits requests over groups.
type Traffic interface {
	Apply(ctx context.Context, r slipway.Route) error
	Observe(ctx context.Context, t slipway.TargetID) ([]slipway.RouteStatus, error)
}

// Waker carries hints that something changed. They may merge, come late or
// never.
type Waker interface {
	Listen(topic string) (hints <-chan struct{}, stop func())
	Wake(topic string)
}

// Clock tells the time that deadlines are measured by.
type Clock interface {
	Now() time.Time
}

// WallClock is the time of the machine.
type WallClock struct{}

// Now is the time of the machine.
func (WallClock) Now() time.Time { return time.Now().UTC() }

// topic is where hints about a target are heard.
func topic(t slipway.TargetID) string { return "target/" + t.String() }
