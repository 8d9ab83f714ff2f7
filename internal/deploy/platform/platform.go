package platform

import (
	"context"
	"time"

	"github.com/slipway-cd/slipway"
)

// Store keeps what was said. *store.Store is one.
type Store interface {
	Declarations
	Locks
	Deployments
	Now(context.Context) (time.Time, error) // by the clock that locks end by
}

// Declarations are the versions of the environments, and the repository that
// they are pushed to.
type Declarations interface {
	Declaration(context.Context) (slipway.Declaration, error)
	Declarations(context.Context, int) ([]slipway.Declaration, error)
	Declare(ctx context.Context, d slipway.Declaration, after int, events ...slipway.Event) (slipway.Declaration, error)
	Repository(context.Context, slipway.RepositoryName) (slipway.Repository, error)
	Refs(context.Context, slipway.RepositoryName) (map[string]slipway.Commit, error)
}

// Locks keep deployments from starting.
type Locks interface {
	Lock(context.Context, slipway.Lock, ...slipway.Event) (slipway.Lock, error)
	Unlock(context.Context, slipway.Lock, ...slipway.Event) error
	Locks(context.Context) ([]slipway.Lock, error)
	Services(context.Context) ([]slipway.Service, error)
}

// Deployments wait for what is said here.
type Deployments interface {
	Deployment(context.Context, slipway.DeploymentID) (slipway.Deployment, error)
	Deployments(context.Context, slipway.DeploymentFilter, int) ([]slipway.Deployment, error)
	Revision(context.Context, slipway.RevisionID) (slipway.Revision, error)
	Approve(context.Context, slipway.Approval, ...slipway.Event) error
}

// Source reads the platform repository; NotFound when there is no such file.
type Source interface {
	File(ctx context.Context, r slipway.RepositoryName, c slipway.Commit, path string) ([]byte, error)
}

// Platform keeps what people say. Its fields are set before it is used.
type Platform struct {
	Store  Store
	Source Source
	// Parse reads an environments.yaml; its errors tell every problem.
	Parse func(file string, text []byte) (slipway.Environments, error)
	// Authors are those who must not approve a deployment where authors may not.
	Authors func(context.Context, slipway.Deployment) ([]string, error)
	// Wake hints at a target whose deployment may start now.
	Wake func(slipway.TargetID)
}

// wake hints at what waits in an environment; "" is any.
func (p *Platform) wake(ctx context.Context, env slipway.EnvironmentName) {
	open, err := p.Store.Deployments(ctx, slipway.DeploymentFilter{Environment: env, Open: true}, 1000)
	if err != nil {
		return // it was a hint only
	}
	for _, d := range open {
		if d.Phase == slipway.Pending {
			p.Wake(d.Target)
		}
	}
}

func (p *Platform) environment(ctx context.Context, name slipway.EnvironmentName) (slipway.Environment, error) {
	d, err := p.Store.Declaration(ctx)
	if err != nil {
		return slipway.Environment{}, err
	}
	return d.Environments.Find(name)
}
