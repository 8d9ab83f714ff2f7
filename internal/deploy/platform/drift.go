package platform

import (
	"context"

	"github.com/slipway-cd/slipway"
)

// Declared is how the environments are declared, and where the platform
// repository says otherwise.
type Declared struct {
	slipway.Declaration
	Drift *Drift // nil: none
}

// Drift is how the head of the platform repository differs from what is
// applied.
type Drift struct {
	Commit  slipway.Commit
	Changes []Change // that applying it would make
	Problem string   // why it cannot be applied
}

// Declared is what is applied now.
func (p *Platform) Declared(ctx context.Context) (Declared, error) {
	d, err := p.Store.Declaration(ctx)
	if err != nil {
		return Declared{}, err
	}
	drift, err := p.drift(ctx, d)
	return Declared{d, drift}, err
}

func (p *Platform) drift(ctx context.Context, d slipway.Declaration) (*Drift, error) {
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
	drift := &Drift{Commit: head}
	text, err := p.Source.File(ctx, r.Name, head, slipway.EnvironmentsFile)
	if err == nil {
		var all slipway.Environments
		if all, err = p.Parse(slipway.EnvironmentsFile, text); err == nil {
			drift.Changes = changes(d.Environments, all)
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
