package rollout

import (
	"reflect"
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

// route decides the newest route: every ready instance that stays, each group
// with a weight by its ready instances. It gets a new fence whenever its content
// changes, so that a fence stands for one content; and after the epoch changed,
// because routers may then know routes that we do not.
func (p *plan) route() {
	t := p.next.Target
	if t.Kind != slipway.Web {
		return
	}
	shares := p.shares()
	last := p.next.Route
	if last == nil && len(shares) == 0 {
		return
	}
	r := slipway.Route{Target: t.ID, Fence: p.fence(), Port: t.Port, Shares: shares, Drain: p.longestDrain()}
	if last != nil && last.Fence.Epoch == r.Fence.Epoch {
		same := r
		same.Fence = last.Fence
		if reflect.DeepEqual(same, *last) {
			return
		}
	}
	p.sayRoute(r)
	p.next.Route = &r
}

// served reports whether every router has a route with all ready instances of
// g. Workers are served by nobody.
func (p *plan) served(g slipway.GroupID) bool {
	if p.was.Target.Kind != slipway.Web {
		return true
	}
	for _, i := range p.members(g) {
		if i.Phase == slipway.InstanceReady && !has(p.was.Route, i) {
			return false
		}
	}
	return !slices.ContainsFunc(p.was.Routes, func(s slipway.RouteStatus) bool {
		return p.was.Route != nil && s.Fence.Less(p.was.Route.Fence)
	})
}

// has reports whether a route leads to an instance as it is now.
func has(r *slipway.Route, i slipway.InstanceStatus) bool {
	return r != nil && slices.ContainsFunc(r.Shares, func(s slipway.Share) bool {
		return slices.Contains(s.Endpoints, slipway.Endpoint{Instance: i.ID, Boot: i.Boot, Addr: i.Addr})
	})
}

func (p *plan) shares() []slipway.Share {
	var shares []slipway.Share
	total := 0
	for _, g := range p.groups() {
		var endpoints []slipway.Endpoint
		for _, i := range p.members(g) {
			if i.Phase == slipway.InstanceReady {
				endpoints = append(endpoints, slipway.Endpoint{Instance: i.ID, Boot: i.Boot, Addr: i.Addr})
			}
		}
		if len(endpoints) > 0 {
			shares = append(shares, slipway.Share{Group: g, Release: p.next.Specs[g].Revision.Release, Endpoints: endpoints})
			total += len(endpoints)
		}
	}
	weigh(shares, total)
	return shares
}

// weigh gives each share the weight of its part of all endpoints. What rounding
// leaves goes to the first, so that the sum is exact.
func weigh(shares []slipway.Share, total int) {
	rest := slipway.All
	for i := range shares {
		shares[i].Weight = slipway.All * slipway.BasisPoints(len(shares[i].Endpoints)) / slipway.BasisPoints(total)
		rest -= shares[i].Weight
	}
	if len(shares) > 0 {
		shares[0].Weight += rest
	}
}

// longestDrain is how long requests in flight may take, at most.
func (p *plan) longestDrain() time.Duration {
	var longest time.Duration
	for _, spec := range p.next.Specs {
		longest = max(longest, spec.Revision.Run.Drain)
	}
	return longest
}
