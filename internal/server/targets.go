package server

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// TargetPath names a target in a path. It is exported for huma, which fills
// embedded fields only then.
type TargetPath struct {
	Service     string `path:"service"`
	Environment string `path:"environment"`
}

func (in TargetPath) id() (slipway.TargetID, error) {
	_, err := slipway.BuiltinEnvironments.Find(slipway.EnvironmentName(in.Environment))
	return slipway.TargetID{Service: slipway.ServiceName(in.Service), Environment: slipway.EnvironmentName(in.Environment)}, err
}

// targets registers what runs where.
func (s *Server) targets(on huma.API) {
	get(s, on, "get-board", "/board", "Services by environments: what runs where", func(ctx context.Context, _ *none) (api.Board, error) {
		return s.View.Board(ctx)
	})
	get(s, on, "get-target", "/targets/{service}/{environment}", "A service in an environment", func(ctx context.Context, in *TargetPath) (api.Target, error) {
		id, err := in.id()
		if err != nil {
			return api.Target{}, err
		}
		return s.View.Target(ctx, id)
	})
}
