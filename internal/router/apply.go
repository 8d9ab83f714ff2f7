package router

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/procid"
	"github.com/slipway-cd/slipway/internal/router/wire"
)

// endpointKey is what makes an endpoint the same in two tables. An instance
// that was started anew, or has moved, is another one.
type endpointKey struct {
	target   slipway.TargetID
	endpoint slipway.Endpoint
}

// apply puts t into effect unless the router has a newer one, and reports
// whether it did. When it returns, no request can follow the old table any
// more; those that did are counted at endpoints that are gone.
func (r *Router) apply(ctx context.Context, t wire.Table) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	held := r.table.Load()
	if !t.NewerThan(held.epoch, held.version) {
		return r.listen(ctx, held, t)
	}
	next := emptyTable()
	next.epoch, next.version, next.listeners = t.Epoch, t.Version, t.Listeners
	for _, route := range sorted(t.Routes) {
		next.add(r.replace(held.routes[route.Target], route, t.Epoch))
	}
	r.enter(ctx, held, next)
	return true
}

// listen takes other listeners from a table that is held otherwise.
func (r *Router) listen(ctx context.Context, held *table, t wire.Table) bool {
	if t.Epoch != held.epoch || t.Version != held.version || slices.Equal(t.Listeners, held.listeners) {
		return false
	}
	next := r.again(held)
	next.listeners = t.Listeners
	r.enter(ctx, held, next)
	return true
}

// again is a table made anew, for what has changed on this side.
func (r *Router) again(held *table) *table {
	next := emptyTable()
	next.epoch, next.version, next.listeners = held.epoch, held.version, held.listeners
	for _, id := range slices.SortedFunc(maps.Keys(held.routes), byName) {
		was := held.routes[id]
		next.add(r.compile(was.Route, was.boot, was))
		next.routes[id].why = was.why
	}
	return next
}

// recall puts the table that was kept on disk into effect, before any other.
// Nobody knows yet who has the addresses that it names.
func (r *Router) recall(ctx context.Context, k kept) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := emptyTable()
	next.epoch, next.version, next.listeners = k.Epoch, k.Version, k.Listeners
	for _, kr := range k.Routes {
		r.doubt(kr)
		route := r.compile(kr.Route, kr.Boot, nil)
		route.lapsed() // what was lent to the process before is lent no more
		next.add(route)
	}
	r.enter(ctx, r.table.Load(), next)
	r.durable = next
}

// replace compiles a new route in place of the held one. A route with an older
// fence was sent by somebody who is not the target's owner any more. One of an
// epoch before the table's is a backup's, which may be from another place.
func (r *Router) replace(held *route, next slipway.Route, epoch uint64) *route {
	boot := procid.HostBoot()
	switch {
	case held == nil && next.Fence.Epoch < epoch:
		r.doubt(keptRoute{Boot: boot, Route: next})
	case held == nil:
		r.trust(next)
	case next.Fence.Less(held.Fence):
		again := r.compile(held.Route, held.boot, held)
		again.why = "a route with the older fence " + next.Fence.String() + " was refused"
		return again
	case next.Fence == held.Fence:
		boot = held.boot // what is known again is not known anew
	default:
		r.trust(next)
	}
	return r.compile(next, boot, held)
}

// compile resolves a route to living endpoints. What goes on over all tables it
// takes from the held route, if there is one.
func (r *Router) compile(from slipway.Route, boot string, held *route) *route {
	to := &route{Route: from, boot: boot, streams: streams(from.Shares)}
	if held != nil {
		to.traffic, to.lease = held.traffic, held.lease
	} else {
		to.traffic, to.lease = new(traffic), &lease{contact: &r.contact}
	}
	if from.Sticky {
		to.cookie, to.drawn = stickyName(from.Target), stickyDraw(from.Target, from.Fence)
	}
	for _, share := range from.Shares {
		g := group{id: share.Group, release: share.Release, weight: int(share.Weight), meter: r.meters.of(from.Target, share.Release)}
		if from.Sticky {
			g.cookie = stickyValue(from.Target, share.Group)
		}
		for _, e := range share.Endpoints {
			if !stillThere(e, boot) {
				continue
			}
			known := r.endpoint(from.Target, e)
			to.named = append(to.named, known)
			r.releases[known] = share.Release
			if !r.doubted[known] {
				g.endpoints = append(g.endpoints, known)
			}
		}
		to.share(g)
	}
	to.reckon()
	return to
}

// stillThere reports whether the address of e can still be that instance's: on
// this host only in the boot in which the route arrived, and in which the
// instance was started. After a reboot somebody else may answer there.
func stillThere(e slipway.Endpoint, arrived string) bool {
	if !onThisHost(e.Addr.Addr()) {
		return true
	}
	if process, ok := procid.Parse(e.Boot); ok && !process.OfThisBoot() {
		return false
	}
	return arrived == procid.HostBoot()
}

// endpoint finds or makes the one endpoint of a key.
func (r *Router) endpoint(t slipway.TargetID, e slipway.Endpoint) *endpoint {
	key := endpointKey{t, e}
	known := r.endpoints[key]
	if known == nil {
		known = newEndpoint(t, e, r.news)
		r.endpoints[key] = known
	}
	return known
}

// enter swaps tables. What comes back is ready before the swap and what leaves
// is closed after it: a request that finds its choice gone finds the new table
// in effect.
func (r *Router) enter(ctx context.Context, held, next *table) {
	stays := map[*endpoint]bool{}
	for _, route := range next.routes {
		for _, e := range route.named {
			stays[e] = true
			if e.gone() {
				e.rejoin()
			}
		}
	}
	next.name()
	r.table.Store(next)
	for _, e := range r.endpoints {
		if !stays[e] && !e.gone() {
			route := next.routes[e.target]
			if route == nil {
				route = held.routes[e.target]
			}
			e.leave(route.Drain)
		}
	}
	r.doors.want(ctx, next)
	r.news()
}

// keep is the table in effect as it goes to disk.
func (t *table) keep() kept {
	k := kept{Epoch: t.epoch, Version: t.version, Listeners: t.listeners}
	for _, route := range t.routes {
		k.Routes = append(k.Routes, keptRoute{Boot: route.boot, Route: route.Route})
	}
	return k
}

func sorted(routes []slipway.Route) []slipway.Route {
	return slices.SortedFunc(slices.Values(routes), func(a, b slipway.Route) int { return byName(a.Target, b.Target) })
}

func byName(a, b slipway.TargetID) int { return strings.Compare(a.String(), b.String()) }

// onThisHost reports whether an address is one of this machine.
func onThisHost(a netip.Addr) bool {
	return a.IsLoopback() || ownAddrs()[a.Unmap()]
}

var ownAddrs = sync.OnceValue(func() map[netip.Addr]bool {
	own := map[netip.Addr]bool{}
	addrs, _ := net.InterfaceAddrs()
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			own[p.Addr().Unmap()] = true
		}
	}
	return own
})
