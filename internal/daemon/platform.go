package daemon

import (
	"context"
	"fmt"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/deploy/controller"
	"github.com/slipway-cd/slipway/internal/deploy/platform"
	"github.com/slipway-cd/slipway/internal/manifest"
	"github.com/slipway-cd/slipway/internal/server/view"
)

// ground is what environments stand on here: one driver, and one user for
// everything.
var ground = manifest.Ground{Drivers: []string{"process"}, Shared: true}

// wirePlatform brings together what people say and those who decide by it.
func (p *parts) wirePlatform() {
	p.platform = &platform.Platform{
		Store: p.store, Source: p.git, Authors: p.controller.Authors, Wake: p.wakeTarget,
		Parse: func(file string, text []byte) (slipway.Environments, error) {
			return manifest.ParseEnvironments(file, text, ground)
		},
	}
	p.git.Platform = p.platform
	p.viewer.Frozen = frozen
}

// frozen is why an environment is frozen at a moment.
func frozen(e slipway.Environment, now time.Time) string {
	why, _, err := controller.Frozen(e, now)
	if err != nil {
		return fmt.Sprintf("whether %s is frozen is not known: %s", e.Name, slipway.MessageOf(err))
	}
	return why
}

// Environments are what the page of the environments shows.
func (v pageView) Environments(ctx context.Context) (api.Environments, error) {
	d, err := v.platform.Declared(ctx)
	if err != nil {
		return api.Environments{}, err
	}
	if d.Source == "" && d.Version == 0 {
		d.Source = manifest.BuiltinEnvironments
	}
	return v.Viewer.Environments(ctx, d)
}

// Declarations are the versions of the environments, newest first.
func (v pageView) Declarations(ctx context.Context, limit int) ([]api.Declaration, error) {
	all, err := v.store.Declarations(ctx, limit)
	var shown []api.Declaration
	for _, d := range all {
		shown = append(shown, view.Declaration(d))
	}
	return shown, err
}

// Diff tells where two environments differ.
func (v pageView) Diff(ctx context.Context, from, to string) (api.EnvironmentDiff, error) {
	return v.Viewer.Diff(ctx, slipway.EnvironmentName(from), slipway.EnvironmentName(to))
}

func (d pageDesk) Approve(ctx context.Context, p slipway.Principal, id int64) error {
	_, err := d.platform.Approve(ctx, p, slipway.DeploymentID(id))
	return err
}
