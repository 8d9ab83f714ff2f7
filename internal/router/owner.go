package router

import (
	"errors"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/procid"
)

// An instance's port is anybody's from the moment that its process ends, which
// is sooner than anybody can be told. So each new connection to an instance of
// this host is followed by a look at its process: where that is there still, it
// was there when the connection was made. What was connected to it before ends
// with it.

var errSomebodyElse = errors.New("the instance has ended: whoever listens there is somebody else")

// owner is the process of an instance of this host, whether it is there still or
// not; none for one that is elsewhere.
func owner(e slipway.Endpoint) procid.ID {
	if p, ok := procid.Parse(e.Boot); ok && onThisHost(e.Addr.Addr()) {
		return p
	}
	return procid.ID{}
}

// isElses reports whether a connection that was just made may be to somebody
// else.
func (e *endpoint) isElses() bool { return e.owner.Left() }
