package daemon

import (
	"context"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/router/control"
	"github.com/slipway-cd/slipway/internal/state/store"
)

// routers is what the API asks of the routers' register. That somebody was
// forgotten, and by whom, is kept.
type routers struct {
	*control.Control
	store *store.Store
}

func (r routers) Forget(ctx context.Context, id slipway.RouterID, by slipway.Actor) error {
	if err := r.Control.Forget(ctx, id); err != nil {
		return err
	}
	return r.store.AppendEvents(ctx, slipway.Event{
		At: time.Now().UTC(), Kind: slipway.RouterForgotten, Actor: by, Text: "router " + string(id) + " was forgotten; nothing waits for it any more",
	})
}
