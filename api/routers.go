package api

import (
	"context"
	"net/http"
	"time"
)

// Router is a router and how it is.
type Router struct {
	ID       string    `json:"id"`
	State    string    `json:"state"` // serving; silent: not heard lately; unheard: not since the server started; ended
	Host     string    `json:"host"`
	PID      int       `json:"pid"`
	LastSeen time.Time `json:"last_seen"`
	Version  uint64    `json:"version"`   // of the route table in effect
	InFlight int       `json:"in_flight"` // requests, streams and tunnels
	Leaving  int       `json:"leaving"`   // processes before an upgrade that finish what they had
	Lapsed   bool      `json:"lapsed,omitempty"`
	Why      string    `json:"why,omitempty"`
}

// Routers lists the routers that are registered: instances are stopped only when
// all that have not ended have let go of them.
func (c *Client) Routers(ctx context.Context) ([]Router, error) {
	return list[Router](ctx, c, path("routers"), nil)
}

// ForgetRouter takes a router out of the register that is gone for good, and
// returns how it was.
func (c *Client) ForgetRouter(ctx context.Context, id string) (Router, error) {
	return call[Router](ctx, c, http.MethodPost, path("routers", id, "forget"), nil, nil)
}
