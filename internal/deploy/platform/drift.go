package platform

import (
	"context"

	"github.com/slipway-cd/slipway"
)

// Declared is what is applied now.
func (p *Platform) Declared(ctx context.Context) (slipway.Declared, error) {
	d, err := p.Store.Declaration(ctx)
	if err != nil {
		return slipway.Declared{}, err
	}
	drift, err := p.drift(ctx, d)
	return slipway.Declared{Declaration: d, Drift: drift}, err
}

func (p *Platform) drift(ctx context.Context, d slipway.Declaration) (*slipway.Drift, error) {
	r, err := p.Store.Repository(ctx, slipway.PlatformRepository)
	if slipway.CodeOf(err) == slipway.NotFound || err == nil && r.DefaultBranch == "" {
		return nil, nil // nothing was ever pushed
	}
	if err != nil {
		return nil, err
	}
	refs, err := p.Store.Refs(ctx, r.Name)
	if err != nil {
		return nil, err
	}
	head := refs["refs/heads/"+r.DefaultBranch]
	if head == "" || head == d.Commit {
		return nil, nil
	}
	drift := &slipway.Drift{Commit: head}
	text, err := p.Source.File(ctx, r.Name, head, slipway.EnvironmentsFile)
	if err == nil {
		var all slipway.Environments
		if all, err = p.Parse(slipway.EnvironmentsFile, text); err == nil {
			drift.Changes = d.Environments.Changes(all)
		}
	}
	switch {
	case err != nil:
		drift.Problem = slipway.MessageOf(err)
	case len(drift.Changes) == 0:
		return nil, nil
	}
	return drift, nil
}
