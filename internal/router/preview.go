package router

import "github.com/slipway-cd/slipway"

// preview is the route of r's preview door: to one group alone, whatever its
// weight. What is asked there is no traffic of the target, but it is in flight at
// its instances like any other. nil: there is no such door.
func (r *route) preview() *route {
	if r.Preview == nil {
		return nil
	}
	p := &route{
		Route: slipway.Route{Target: r.Target, Fence: r.Fence, Port: r.Preview.Port, Shares: r.Shares, Drain: r.Drain},
		boot:  r.boot, streams: r.streams, traffic: new(traffic), isPreview: true,
	}
	for _, g := range r.every {
		if g.id == r.Preview.Group {
			g.weight, g.meter = int(slipway.All), nil
			p.every = append(p.every, g)
			p.weighed.add(g)
		}
	}
	return p
}
