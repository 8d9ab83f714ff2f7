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
	if last == nil && len(shares) == 0 && !p.restored() {
		return
	}
	r := slipway.Route{Target: t.ID, Fence: p.fence(), Port: t.Port, Shares: shares, Drain: p.longestDrain()}
	p.lend(&r)
	if last != nil && last.Fence.Epoch == r.Fence.Epoch {
		same := r
		same.Fence = last.Fence
		if reflect.DeepEqual(same, *last) {
			p.sayStruggling(r, false)
			return
		}
	}
	p.sayRoute(r)
	p.sayStruggling(r, true)
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

// lend adds what only a deployment that moves needs: the way back when the
// server is not heard, and the door to the candidate alone.
func (p *plan) lend(r *slipway.Route) {
	d := p.next.Deployment
	r.Sticky = p.next.Specs[p.next.Target.Stable].Revision.Run.Sticky
	if leased(d) {
		r.Fallback, r.Lease = d.Stable, LeaseFor
	}
	if byWeight(d) && d.Phase == slipway.Progressing && p.next.Target.Preview != 0 {
		r.Sticky = r.Sticky || p.next.Specs[d.Candidate].Revision.Run.Sticky
		r.Preview = &slipway.PreviewDoor{Group: d.Candidate, Port: p.next.Target.Preview}
	}
}

// shares are the ready instances of each group, with weights. Where nobody who
// is ready may have traffic, those have it who were ready and are alive: an
// instance whose probe fails, as all do under overload, may still serve, and
// without it nobody does.
func (p *plan) shares() []slipway.Share {
	var shares []slipway.Share
	for _, g := range p.groups() {
		if s := p.share(g, slipway.InstanceReady); len(s.Endpoints) > 0 {
			shares = append(shares, s)
		}
	}
	if p.weigh(shares) {
		return shares
	}
	struggling := slices.Clone(shares)
	for _, g := range p.groups() {
		if s := p.share(g, slipway.InstanceUnready); len(s.Endpoints) > 0 && (p.part(s) > 0 || p.stead(s) > 0) {
			struggling = append(struggling, s)
		}
	}
	p.weigh(struggling)
	return struggling
}

// share is what a route has of the members of g that are in a phase.
func (p *plan) share(g slipway.GroupID, in slipway.InstancePhase) slipway.Share {
	r := p.next.Specs[g].Revision
	s := slipway.Share{Group: g, Release: r.Release, Protocol: r.Run.Protocol}
	for _, i := range p.members(g) {
		if i.Phase == in {
			s.Endpoints = append(s.Endpoints, slipway.Endpoint{Instance: i.ID, Boot: i.Boot, Addr: i.Addr})
		}
	}
	return s
}

// weigh gives each share its part of the whole, and reports whether anybody has
// one. What rounding leaves goes to the largest, so that the sum is exact; where
// nobody may have anything, all are left at zero.
func (p *plan) weigh(shares []slipway.Share) bool {
	return divide(shares, p.part) || divide(shares, p.stead)
}

func divide(shares []slipway.Share, part func(slipway.Share) int) bool {
	total, largest := 0, 0
	parts := make([]int, len(shares))
	for i, s := range shares {
		parts[i] = part(s)
		total += parts[i]
		if parts[i] > parts[largest] {
			largest = i
		}
	}
	if total == 0 {
		return false
	}
	rest := slipway.All
	for i := range shares {
		shares[i].Weight = slipway.BasisPoints(int(slipway.All) * parts[i] / total)
		rest -= shares[i].Weight
	}
	shares[largest].Weight += rest
	return true
}

// part is what a share has of the traffic, in relation to the others: what the
// stage says while a deployment splits it by weight, else its ready instances.
// A retained group has none.
func (p *plan) part(s slipway.Share) int {
	d := p.next.Deployment
	switch {
	case p.isRetained(s.Group):
		return 0
	case !byWeight(d):
		return len(s.Endpoints)
	case s.Group == d.Candidate:
		return int(d.Weight)
	case s.Group == d.Stable || p.ready(d.Stable) == 0: // a leftover, while the stable group has nobody
		return int(slipway.All - d.Weight)
	}
	return 0
}

// stead is what a share has when nobody is ready who should have traffic by the
// stage: whoever else is ready takes it, but for groups that are kept and a
// candidate on which nothing was said yet.
func (p *plan) stead(s slipway.Share) int {
	d := p.next.Deployment
	if p.isRetained(s.Group) || byWeight(d) && s.Group == d.Candidate {
		return 0
	}
	return len(s.Endpoints)
}

// longestDrain is how long requests in flight may take, at most.
func (p *plan) longestDrain() time.Duration {
	var longest time.Duration
	for _, spec := range p.next.Specs {
		longest = max(longest, spec.Revision.Run.Drain)
	}
	return longest
}
