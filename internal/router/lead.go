package router

import (
	"github.com/slipway-cd/slipway"
)

// lead is where a request for host leads that came in by c; nil when nothing is routed
// there. A port belongs to one target, or to the preview of one; a listener leads
// to the services of its environment, by name.
func (t *table) lead(host string, c *client) *route {
	if c.port != 0 {
		return t.ports[c.port]
	}
	return t.hosts[c.listener.Environment][authority(host)]
}

// hosts are the names by which the services of one environment are reached,
// without port and in lower case.
type hosts map[string]*route

// name finds out which name leads where.
func (t *table) name() {
	t.hosts = map[slipway.EnvironmentName]hosts{}
	for _, l := range t.listeners {
		names := hosts{}
		for id, r := range t.routes {
			if id.Environment == l.Environment {
				names[authority(hostOf(id, l.Domain))] = r
			}
		}
		t.hosts[l.Environment] = names
	}
}

// hostOf is the name of a target's service at a listener.
func hostOf(t slipway.TargetID, domain string) string {
	return string(t.Service) + "." + domain
}
