package daemon

import (
	"context"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/build/dispatch"
	"github.com/slipway-cd/slipway/internal/deploy/controller"
	"github.com/slipway-cd/slipway/internal/deploy/platform"
	"github.com/slipway-cd/slipway/internal/server"
	"github.com/slipway-cd/slipway/internal/server/view"
	"github.com/slipway-cd/slipway/internal/state/store"
)

// pageView is what pages show: the views that the API answers with.
type pageView struct {
	*view.Viewer
	*server.Server // logs of jobs
	store          *store.Store
	platform       *platform.Platform
}

func (v pageView) Builds(ctx context.Context, p slipway.Principal, repository string, limit int) ([]api.Build, error) {
	builds, err := v.store.Builds(ctx, slipway.RepositoryName(repository), limit)
	return v.Viewer.Builds(builds, p), err
}

func (v pageView) Build(ctx context.Context, p slipway.Principal, repository string, number int) (api.Build, error) {
	b, err := v.store.BuildByNumber(ctx, slipway.RepositoryName(repository), number)
	if err != nil {
		return api.Build{}, err
	}
	return v.Viewer.Build(ctx, b, p)
}

func (v pageView) Deployments(ctx context.Context, service, environment string, limit int) ([]api.Deployment, error) {
	all, err := v.store.Deployments(ctx, slipway.DeploymentFilter{
		Service: slipway.ServiceName(service), Environment: slipway.EnvironmentName(environment)}, limit)
	if err != nil {
		return nil, err
	}
	return v.Viewer.Deployments(ctx, all)
}

func (v pageView) Deployment(ctx context.Context, id int64) (api.Deployment, error) {
	d, err := v.store.Deployment(ctx, slipway.DeploymentID(id))
	if err != nil {
		return api.Deployment{}, err
	}
	return v.Viewer.Deployment(ctx, d)
}

// pageDesk is what the buttons of pages do.
type pageDesk struct {
	dispatch   *dispatch.Dispatch
	controller *controller.Controller
	store      *store.Store
	platform   *platform.Platform
}

func (d pageDesk) Unblock(ctx context.Context, p slipway.Principal, repository string, number int, job slipway.JobID) error {
	b, err := d.store.BuildByNumber(ctx, slipway.RepositoryName(repository), number)
	if err != nil {
		return err
	}
	_, err = d.dispatch.Unblock(ctx, b.ID, job, p)
	return err
}

func (d pageDesk) Abort(ctx context.Context, p slipway.Principal, id int64) error {
	dep, err := d.store.Deployment(ctx, slipway.DeploymentID(id))
	if err != nil {
		return err
	}
	if !p.CanDeploy(dep.Target.Environment) {
		return slipway.Errorf(slipway.Forbidden, "%s may not abort deployment %d", p.Actor.Name, id)
	}
	return d.controller.Abort(ctx, dep.ID, p.Actor)
}

func (d pageDesk) Promote(ctx context.Context, p slipway.Principal, id int64, stage int) error {
	dep, err := d.store.Deployment(ctx, slipway.DeploymentID(id))
	if err != nil {
		return err
	}
	if !p.CanDeploy(dep.Target.Environment) {
		return slipway.Errorf(slipway.Forbidden, "%s may not promote deployment %d", p.Actor.Name, id)
	}
	return d.controller.Promote(ctx, dep.ID, stage, p.Actor, "")
}
