package server

import (
	"context"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// Routers knows the routers, and forgets one that is gone for good.
type Routers interface {
	List(context.Context) ([]slipway.RouterState, error)
	Forget(context.Context, slipway.RouterID, slipway.Actor) error
}

// RouterPath names a router in a path.
type RouterPath struct {
	ID string `path:"id"`
}

// routers registers what carries the traffic.
func (s *Server) routers(on huma.API) {
	get(s, on, "list-routers", "/routers", "What carries the traffic", s.listRouters)
	post(s, on, "forget-router", "/routers/{id}/forget", "Wait no more for a router that is gone for good", s.forgetRouter)
}

func (s *Server) listRouters(ctx context.Context, _ *none) (api.List[api.Router], error) {
	if err := mayList(from(ctx).Principal); err != nil {
		return api.List[api.Router]{}, err
	}
	all, err := s.Routers.List(ctx)
	return listed(each(all, shownRouter), err)
}

func (s *Server) forgetRouter(ctx context.Context, in *RouterPath) (api.Router, error) {
	p := from(ctx)
	if err := administers(p.Principal); err != nil {
		return api.Router{}, err
	}
	all, err := s.Routers.List(ctx)
	if err != nil {
		return api.Router{}, err
	}
	var was api.Router
	if i := slices.IndexFunc(all, func(r slipway.RouterState) bool { return string(r.ID) == in.ID }); i >= 0 {
		was = shownRouter(all[i])
	}
	return was, s.Routers.Forget(ctx, slipway.RouterID(in.ID), p.Actor)
}

func shownRouter(r slipway.RouterState) api.Router {
	return api.Router{
		ID: string(r.ID), State: string(r.Phase), Host: r.Host, PID: r.PID, LastSeen: r.SeenAt.UTC(), Version: r.Version,
		InFlight: r.InFlight, Leaving: r.Leaving, Lapsed: r.Lapsed, Why: r.Why,
	}
}
