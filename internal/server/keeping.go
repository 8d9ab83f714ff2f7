package server

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/server/view"
)

// Keeper removes what is not kept. *collector.Collector is one.
type Keeper interface {
	Policy() slipway.Keep
	// Collect removes what is not kept, up to a bound; dry only tells what it would.
	Collect(ctx context.Context, by slipway.Actor, dry bool) (slipway.Removal, error)
}

// keeping registers what is kept.
func (s *Server) keeping(on huma.API) {
	post(s, on, "prune", "/prune", "Remove what is not kept, or see what would be", s.prune)
}

func (s *Server) prune(ctx context.Context, in *body[api.Prune]) (api.Pruned, error) {
	p := from(ctx)
	if err := administers(p.Principal); err != nil {
		return api.Pruned{}, err
	}
	r, err := s.Keeper.Collect(ctx, p.Actor, in.Body.DryRun)
	if err != nil {
		return api.Pruned{}, err
	}
	return view.Pruned(r, s.Keeper.Policy()), nil
}
