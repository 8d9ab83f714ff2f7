package view

import (
	"context"
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// Board is the whole picture: services by environments.
func (v *Viewer) Board(ctx context.Context) (api.Board, error) {
	board := api.Board{Services: []api.BoardService{}}
	environments, err := v.Store.Environments(ctx)
	if err != nil {
		return board, err
	}
	for _, e := range environments {
		board.Environments = append(board.Environments, string(e.Name))
	}
	services, err := v.Store.Services(ctx)
	if err != nil {
		return board, err
	}
	targets, err := v.targets(ctx)
	if err != nil {
		return board, err
	}
	now := v.look(ctx)
	for _, s := range services {
		row, err := v.row(ctx, s, environments, targets, now)
		if err != nil {
			return board, err
		}
		board.Services = append(board.Services, row)
	}
	return board, nil
}

// Service is one row of the board. It returns NotFound for a service without a
// release.
func (v *Viewer) Service(ctx context.Context, name slipway.ServiceName) (api.BoardService, error) {
	services, err := v.Store.Services(ctx)
	if err != nil {
		return api.BoardService{}, err
	}
	at := slices.IndexFunc(services, func(s slipway.Service) bool { return s.Name == name })
	if at < 0 {
		return api.BoardService{}, slipway.Errorf(slipway.NotFound, "there is no service %q", name).Do("the board is at /")
	}
	environments, err := v.Store.Environments(ctx)
	if err != nil {
		return api.BoardService{}, err
	}
	targets, err := v.targets(ctx)
	if err != nil {
		return api.BoardService{}, err
	}
	return v.row(ctx, services[at], environments, targets, v.look(ctx))
}

func (v *Viewer) targets(ctx context.Context) (map[slipway.TargetID]slipway.Target, error) {
	all, err := v.Store.Targets(ctx)
	known := map[slipway.TargetID]slipway.Target{}
	for _, t := range all {
		known[t.ID] = t
	}
	return known, err
}

// row is a service in each environment, of all targets.
func (v *Viewer) row(ctx context.Context, s slipway.Service, environments slipway.Environments, targets map[slipway.TargetID]slipway.Target, now found) (api.BoardService, error) {
	row := api.BoardService{Name: string(s.Name), Kind: string(s.Kind), Owner: s.Owner}
	for _, e := range environments {
		id := slipway.TargetID{Service: s.Name, Environment: e.Name}
		t, known := targets[id]
		if !known {
			none := nothing(id)
			none.Lock = covering(now.locks, id)
			row.Targets = append(row.Targets, none)
			continue
		}
		shown, err := v.target(ctx, t, now)
		if err != nil {
			return row, err
		}
		row.Targets = append(row.Targets, shown)
	}
	row.Removed = removed(row.Targets)
	return row, nil
}

// removed is since when a service is gone from everywhere it has been; nil when
// something of it runs, is on its way, or was tried.
func removed(targets []api.Target) *time.Time {
	var since *time.Time
	for _, t := range targets {
		switch {
		case t.Removed != nil && t.Moving == nil:
			if since == nil || t.Removed.After(*since) {
				since = t.Removed
			}
		case t.Release > 0 || t.Moving != nil || t.Last != nil:
			return nil
		}
	}
	return since
}

// nothing is a target that no deployment was ever asked for.
func nothing(id slipway.TargetID) api.Target {
	return api.Target{Service: string(id.Service), Environment: string(id.Environment), Health: "none", Instances: []api.Instance{}}
}
