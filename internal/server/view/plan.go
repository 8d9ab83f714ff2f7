package view

import (
	"context"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// Plan shows what a deployment would do.
func (v *Viewer) Plan(ctx context.Context, d slipway.Deployment, r slipway.Revision, limits []string) (api.Plan, error) {
	shown := api.Plan{
		Service: string(d.Target.Service), Environment: string(d.Target.Environment), Kind: string(d.Kind),
		From: d.From, Release: d.Release, Strategy: string(r.Strategy), Want: d.Want,
		Gates: []api.Gate{}, Stages: stages(d.Stages, r.Kind), KeepOldMS: r.KeepOld.Milliseconds(), Limits: append([]string{}, limits...),
	}
	t, err := v.Store.Target(ctx, d.Target)
	if err != nil && slipway.CodeOf(err) != slipway.NotFound {
		return shown, err
	}
	if t.Stable != "" {
		shown.Have = t.Want
	}
	for _, said := range d.Verdicts {
		shown.Gates = append(shown.Gates, gate(said))
	}
	for _, s := range d.Stages {
		if s.Preview && r.Preview != nil {
			shown.Tests = planned(*r.Preview)
		}
	}
	if len(d.Why) > 0 {
		shown.Text = d.Why[0].Text
	}
	return shown, nil
}
