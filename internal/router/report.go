package router

import (
	"context"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/router/wire"
)

// deaf is how long no server may have answered before others are looked for.
const deaf = 2 * time.Second

// tend keeps tables on disk, and has the servers told what is in effect and in
// flight: at once when that changed, every second otherwise, and more
// often while versions are compared.
func (r *Router) tend(ctx context.Context, m *memory) {
	next := time.NewTimer(reportEvery)
	defer next.Stop()
	for ctx.Err() == nil {
		if r.still.TryLock() {
			r.keep(m)
			r.still.Unlock()
		}
		if r.config.Find != nil && r.contact.silent() > deaf {
			r.lines.learn(r.config.Find())
		}
		r.lines.news()
		next.Reset(r.pace())
		select {
		case <-ctx.Done():
		case <-r.changed:
		case <-next.C:
		}
	}
}

// report tells one server, whenever that is due.
func (r *Router) report(ctx context.Context, l *link) {
	var out outage
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-l.due:
		}
		if l.broken.Swap(false) {
			l.told = told{}
		}
		s := r.status()
		knows := r.counted(&s, l.told, time.Now())
		err := l.report(ctx, s)
		if err == nil {
			l.told = knows
		}
		if err != nil && ctx.Err() == nil {
			if out.since.IsZero() {
				r.log.Warn("the server does not take reports; serving goes on", "server", l.server, "error", err)
			}
			out.pause(ctx)
			notify(l.due)
			continue
		}
		out.over()
	}
}

// keep writes the table in effect to disk, unless it is there. One that cannot
// be written is served, but not acknowledged: a router that died now would
// start with the one before.
func (r *Router) keep(m *memory) {
	r.mu.Lock()
	live := r.table.Load()
	if r.heir != nil {
		r.durable = live // its heir keeps tables; this process never starts again
	}
	kept := live == r.durable
	r.mu.Unlock()
	if kept {
		return
	}
	err := m.save(live.keep())
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.keepErr = "the route table cannot be written: " + reason(err)
		r.log.Error("the route table cannot be written; it is served but not acknowledged", "error", err)
		return
	}
	r.durable, r.keepErr = live, ""
}

// status is one consistent look at everything: it cannot pair a table with what
// was in flight before that table.
func (r *Router) status() wire.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sequence++
	live := r.table.Load()
	s := wire.Status{
		Router: r.config.ID, Process: r.process, Sequence: r.sequence,
		Epoch: live.epoch, Version: live.version,
		Leaving: r.heir != nil, After: r.heir, Before: r.before,
	}
	using, leaving := r.inFlight()
	for id, route := range live.routes {
		s.Targets = append(s.Targets, wire.Target{
			Target: id, Fence: r.acknowledged(id),
			InFlight: using[id], Draining: leaving[id],
			Requests: route.traffic.requests.Load(), Errors: route.traffic.errors.Load(),
			Lapsed: route.lapsed(), Why: r.trouble(live, route),
		})
	}
	return s
}

// acknowledged is the fence of a target's route that is in effect and on disk.
func (r *Router) acknowledged(id slipway.TargetID) slipway.Fence {
	if kept := r.durable.routes[id]; kept != nil {
		return kept.Fence
	}
	return slipway.Fence{}
}

func (r *Router) trouble(live *table, route *route) string {
	switch {
	case r.keepErr != "":
		return r.keepErr
	case route.why != "":
		return route.why
	}
	return r.doors.trouble(route, live.listeners)
}

type counts map[slipway.TargetID]map[slipway.InstanceID]int

// inFlight counts requests at instances that are in the table and at those that
// left it. One that left and has none is forgotten here: it can get no more.
func (r *Router) inFlight() (using, leaving counts) {
	using, leaving = counts{}, counts{}
	for key, e := range r.endpoints {
		to := using
		if e.gone() {
			to = leaving
		}
		n := e.inFlight()
		switch {
		case n > 0:
			if to[e.target] == nil {
				to[e.target] = map[slipway.InstanceID]int{}
			}
			to[e.target][e.Instance] += n
		case e.gone():
			e.timer.Stop()
			delete(r.endpoints, key)
			delete(r.releases, e)
		}
	}
	return using, leaving
}
