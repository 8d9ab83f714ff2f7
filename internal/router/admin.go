package router

import (
	"context"
	"encoding/json"
	"net"
	"path/filepath"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/router/wire"
)

// About is what a router tells in its directory of itself, for people and
// programs on its machine: in router.json.
type About struct {
	Router  slipway.RouterID `json:"router"`
	Process wire.Process     `json:"process"`
	Metrics string           `json:"metrics,omitempty"` // URL
}

// tell writes what r is to its directory.
func (m *memory) tell(a About) error {
	text, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return err
	}
	return m.replace(filepath.Join(m.dir, "router.json"), append(text, '\n'))
}

func (r *Router) about() About {
	a := About{Router: r.config.ID, Process: r.process}
	if r.showing != nil {
		a.Metrics = "http://" + r.showing.Addr().String() + "/metrics"
	}
	return a
}

// openMetrics opens the address for metrics, if one is wanted. A process that
// takes over goes on at the one of the process before.
func (r *Router) openMetrics(ctx context.Context) error {
	before := r.showing
	if before != nil && sameAddress(before, r.config.Metrics) {
		return nil
	}
	if before != nil {
		_ = before.Close()
		r.showing = nil
	}
	if r.config.Metrics == "" {
		return nil
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", r.config.Metrics)
	if err != nil {
		return slipway.Errorf(slipway.Conflict, "metrics cannot be served at %s: %s", r.config.Metrics, reason(err)).
			Do("Choose another address: --metrics 127.0.0.1:0 takes a port that is free.")
	}
	r.showing = l
	return nil
}

// sameAddress reports whether l listens where address asks for: port 0 is any.
func sameAddress(l net.Listener, address string) bool {
	host, port, err := net.SplitHostPort(address)
	have, at, err2 := net.SplitHostPort(l.Addr().String())
	return err == nil && err2 == nil && host == have && (port == "0" || port == at)
}

// checkMetricsAddress refuses what others than this machine could reach: metrics
// tell names and numbers of everything.
func checkMetricsAddress(address string) error {
	if address == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return slipway.Errorf(slipway.Invalid, "%q is no address on loopback with a port", address).
			Do("Write 127.0.0.1:PORT; port 0 takes one that is free, and router.json in the router's directory tells which.")
	}
	return nil
}
