package control

import (
	"context"
	"maps"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/router/wire"
)

// Observe returns what each registered router says of t, but for those that are
// proven dead. A router that was not heard since this server started has the
// zero Fence: it may do anything that any table ever told it. One that is being
// upgraded has acknowledged what all its processes have, and has in flight what
// they have together.
func (c *Control) Observe(ctx context.Context, t slipway.TargetID) ([]slipway.RouteStatus, error) {
	routers, err := c.store.Routers(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]slipway.RouteStatus, 0, len(routers))
	for _, r := range routers {
		if s, counts := c.observe(r, t); counts {
			all = append(all, s)
		}
	}
	if c.unsettled(len(routers) == 0) {
		all = append(all, slipway.RouteStatus{Router: anybody, Why: "no router was registered when the server started; one may serve all the same"})
	}
	return all, nil
}

// anybody stands for routers that the register may have forgotten.
const anybody slipway.RouterID = "unknown"

// unsettled reports whether the register was found empty since this server began,
// a moment ago: the database may have been restored, which forgets routers, while
// they serve on.
func (c *Control) unsettled(empty bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now().Sub(c.began) >= settling {
		return false
	}
	c.blank = c.blank || empty
	return c.blank
}

// observe is what a router's processes say of t together. It does not count when
// all have provably ended.
func (c *Control) observe(r slipway.Router, t slipway.TargetID) (sum slipway.RouteStatus, counts bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for process, said := range c.processes(r) {
		if process.Ended() && (said != nil || c.now().Sub(c.began) >= settling) {
			continue
		}
		s := c.say(r.ID, said, t)
		if counts {
			s = together(sum, s)
		}
		sum, counts = s, true
	}
	return sum, counts
}

// processes are those that a router is and that it was before, and what was
// heard of each; nil: nothing yet.
func (c *Control) processes(r slipway.Router) map[wire.Process]*speaker {
	all := map[wire.Process]*speaker{}
	h := c.heard[r.ID]
	if h == nil || h.now == nil {
		all[wire.ProcessOf(r)] = nil
		for _, b := range r.Before {
			all[wire.ProcessOf(b)] = nil
		}
	} else {
		all[h.now.status.Process] = h.now
		for _, p := range h.now.status.Before {
			all[p] = nil
		}
	}
	if h != nil {
		maps.Copy(all, h.before)
		h.heirs(all)
	}
	return all
}

// say is what one process said of t.
func (c *Control) say(id slipway.RouterID, p *speaker, t slipway.TargetID) slipway.RouteStatus {
	s := slipway.RouteStatus{Router: id, InFlight: map[slipway.InstanceID]int{}}
	if p == nil {
		s.Why = "router " + string(id) + " has not been heard since the server started"
		return s
	}
	silence, said := c.now().Sub(p.router.SeenAt), p.targets[t]
	s.Fence, s.Requests, s.Errors, s.Lapsed, s.Why = said.Fence, said.Requests, said.Errors, said.Lapsed, said.Why
	s.Rate, s.Heard = p.rates[t].now(silence), p.router.SeenAt
	for i, n := range said.InFlight {
		s.InFlight[i] += n
	}
	for i, n := range said.Draining {
		s.InFlight[i] += n
	}
	if silence > patience {
		s.Why = "router " + string(id) + " has been silent for " + silence.Round(time.Second).String()
	}
	return s
}

// together is what two processes of one router say.
func together(a, b slipway.RouteStatus) slipway.RouteStatus {
	if b.Fence.Less(a.Fence) {
		a.Fence = b.Fence
	}
	for i, n := range b.InFlight {
		a.InFlight[i] += n
	}
	a.Requests += b.Requests
	a.Errors += b.Errors
	a.Rate += b.Rate
	a.Lapsed = a.Lapsed || b.Lapsed
	if a.Heard.Before(b.Heard) {
		a.Heard = b.Heard // one that hands over says nothing more
	}
	if a.Why == "" {
		a.Why = b.Why
	}
	return a
}
