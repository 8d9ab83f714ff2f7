package router

import "github.com/slipway-cd/slipway"

// protocol is what e speaks.
func (r *route) protocol(e *endpoint) slipway.Protocol {
	for _, s := range r.Shares {
		if s.Protocol != slipway.H2C {
			continue
		}
		for _, named := range s.Endpoints {
			if named == e.Endpoint {
				return slipway.H2C
			}
		}
	}
	return slipway.HTTP1
}
