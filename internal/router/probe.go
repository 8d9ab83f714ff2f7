package router

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/slipway-cd/slipway"
)

// A table that was kept on disk names addresses that may be others' by now, and so
// does a route from before the database was restored to a router that did not
// know it. What they lead to is in doubt until somebody answers there and it is
// not proven that the instance has ended; only then it gets requests. What the
// server names anew is not in doubt.

const (
	probeWithin = 500 * time.Millisecond // before the doors open; what answers later is taken up later
	probeAtOnce = 64
)

// doubt puts all that a kept route leads to in doubt.
func (r *Router) doubt(kr keptRoute) {
	for _, e := range named(kr.Route) {
		if stillThere(e, kr.Boot) {
			r.doubted[r.endpoint(kr.Route.Target, e)] = true
		}
	}
}

// trust ends the doubt about all that a route of the server leads to.
func (r *Router) trust(route slipway.Route) {
	for _, e := range named(route) {
		if known := r.endpoints[endpointKey{route.Target, e}]; known != nil {
			delete(r.doubted, known)
		}
	}
}

func named(route slipway.Route) (all []slipway.Endpoint) {
	for _, s := range route.Shares {
		all = append(all, s.Endpoints...)
	}
	return all
}

// probe asks all that is in doubt at once, and takes up what answers. It
// reports whether any is left.
func (r *Router) probe(ctx context.Context) (left bool) {
	r.mu.Lock()
	var all []*endpoint
	for e := range r.doubted {
		all = append(all, e)
	}
	r.mu.Unlock()
	if len(all) == 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	there := ask(ctx, all)

	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range there {
		delete(r.doubted, e)
	}
	if len(there) > 0 {
		held := r.table.Load()
		next := r.again(held)
		r.enter(context.WithoutCancel(ctx), held, next)
		if r.durable == held {
			r.durable = next
		}
	}
	for e := range r.doubted {
		if e.gone() {
			delete(r.doubted, e) // no table leads there any more
		}
	}
	return len(r.doubted) > 0
}

// ask returns those that are there.
func ask(ctx context.Context, all []*endpoint) (there []*endpoint) {
	var mu sync.Mutex
	var asking sync.WaitGroup
	places := make(chan struct{}, probeAtOnce)
	for _, e := range all {
		asking.Go(func() {
			select {
			case places <- struct{}{}:
			case <-ctx.Done():
				return
			}
			defer func() { <-places }()
			if answers(ctx, e.Endpoint) {
				mu.Lock()
				defer mu.Unlock()
				there = append(there, e)
			}
		})
	}
	asking.Wait()
	return there
}

// answers reports whether somebody accepts connections at e, who may be it.
func answers(ctx context.Context, e slipway.Endpoint) bool {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", e.Addr.String())
	if err != nil {
		return false
	}
	_ = c.Close()
	return !owner(e).Left()
}
