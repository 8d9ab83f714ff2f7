package control

import (
	"context"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/router/wire"
)

// List tells how each registered router is, by ID.
func (c *Control) List(ctx context.Context) ([]slipway.RouterState, error) {
	routers, err := c.store.Routers(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]slipway.RouterState, 0, len(routers))
	for _, r := range routers {
		all = append(all, c.state(r))
	}
	return all, nil
}

func (c *Control) state(r slipway.Router) slipway.RouterState {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := slipway.RouterState{Router: r}
	ended, heard := true, false
	for process, said := range c.processes(r) {
		ended = ended && process.Ended()
		if said == nil {
			continue
		}
		if said.status.Leaving {
			s.Leaving++
		} else {
			heard, s.Router, s.Version = true, said.router, said.status.Version
		}
		for _, t := range said.targets {
			for _, flights := range []map[slipway.InstanceID]int{t.InFlight, t.Draining} {
				for _, n := range flights {
					s.InFlight += n
				}
			}
			s.Lapsed = s.Lapsed || t.Lapsed
			if s.Why == "" {
				s.Why = t.Why
			}
		}
	}
	switch silence := c.now().Sub(s.SeenAt); {
	case ended:
		s.Phase = slipway.RouterEnded
	case !heard:
		s.Phase = slipway.RouterUnheard
	case silence > patience:
		s.Phase = slipway.RouterSilent
	default:
		s.Phase = slipway.RouterServing
	}
	return s
}

// Forget takes a router out of the register, because a person is certain that
// it is gone for good. One that speaks again is registered again. It returns a
// NotFound error for one that is not registered, and a Conflict error for one
// that was heard just now.
func (c *Control) Forget(ctx context.Context, id slipway.RouterID) error {
	all, err := c.List(ctx)
	if err != nil {
		return err
	}
	known := ""
	for _, r := range all {
		known += " " + string(r.ID)
		if r.ID != id {
			continue
		}
		if r.Phase == slipway.RouterServing && !wire.ProcessOf(r.Router).Ended() {
			return slipway.Errorf(slipway.Conflict, "router %s serves: it was heard %s ago", id, c.now().Sub(r.SeenAt).Round(time.Second)).
				Do("stop it first; one that speaks is registered again")
		}
		return c.forget(ctx, id)
	}
	if known == "" {
		known = " none"
	}
	return slipway.Errorf(slipway.NotFound, "no router %q is registered; there are:%s", id, known)
}

func (c *Control) forget(ctx context.Context, id slipway.RouterID) error {
	if err := c.store.ForgetRouter(ctx, id); err != nil {
		return err
	}
	c.mu.Lock()
	var topics []string
	if h := c.heard[id]; h != nil {
		topics = h.topics()
		for _, s := range h.all() {
			c.bury(s)
		}
		delete(c.heard, id)
	}
	c.mu.Unlock()
	c.waker.Wake("routers") // whoever waits for a router waits for one fewer
	for _, t := range topics {
		c.waker.Wake(t)
	}
	return nil
}
