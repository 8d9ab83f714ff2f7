package view

import (
	"context"
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
	targets, err := v.Store.Targets(ctx)
	if err != nil {
		return board, err
	}
	known := map[slipway.TargetID]slipway.Target{}
	for _, t := range targets {
		known[t.ID] = t
	}
	now := v.look(ctx)
	for _, s := range services {
		row := api.BoardService{Name: string(s.Name), Kind: string(s.Kind), Owner: s.Owner}
		for _, e := range environments {
			id := slipway.TargetID{Service: s.Name, Environment: e.Name}
			t, ok := known[id]
			if !ok {
				none := nothing(id)
				none.Lock = covering(now.locks, id)
				row.Targets = append(row.Targets, none)
				continue
			}
			shown, err := v.target(ctx, t, now)
			if err != nil {
				return board, err
			}
			row.Targets = append(row.Targets, shown)
		}
		row.Removed = removed(row.Targets)
		board.Services = append(board.Services, row)
	}
	return board, nil
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
