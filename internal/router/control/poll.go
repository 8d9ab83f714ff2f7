package control

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/router/wire"
)

// table answers a poll: with a newer table as soon as there is one, with
// nothing after the hold. A router that does not count gets none before it has
// reported: nobody would wait for what it sends by it.
func (c *Control) table(w http.ResponseWriter, r *http.Request, caller slipway.RouterID) error {
	q, err := parsePoll(r.URL.Query())
	if err != nil {
		return err
	}
	if q.router != caller {
		return slipway.Errorf(slipway.Forbidden, "this token is not router %s's", q.router)
	}
	woken, stop := c.waker.Listen("routes") // new ones, or other environments
	defer stop()
	over := time.NewTimer(q.hold)
	defer over.Stop()
	for {
		version, routes, err := c.store.Routes(r.Context())
		if err != nil {
			return err
		}
		environments, err := c.store.Environments(r.Context())
		if err != nil {
			return err
		}
		t := wire.Table{
			Epoch: c.store.Epoch(), Version: version, Routes: routes, Listeners: wire.ListenersOf(environments), Servers: c.within(r.RemoteAddr),
		}
		gets, err := c.gets(r.Context(), q, t)
		if err != nil {
			return err
		}
		if gets {
			w.Header().Set("Content-Type", "application/json")
			return json.NewEncoder(w).Encode(t)
		}
		select {
		case <-woken:
		case <-over.C:
			w.WriteHeader(http.StatusNoContent)
			return nil
		case <-r.Context().Done():
			c.hungUp(caller)
			return nil
		}
	}
}

type poll struct {
	router         slipway.RouterID
	epoch, version uint64
	listeners      string // digest of those it has; "": it knows of none
	servers        string // likewise
	hold           time.Duration
}

// gets reports whether a poll is answered with t: it waits for that, and drains
// wait for its router, which is registered as a process that has not provably ended.
func (c *Control) gets(ctx context.Context, p poll, t wire.Table) (bool, error) {
	if !p.wants(t) {
		return false, nil
	}
	routers, err := c.store.Routers(ctx)
	for _, r := range routers {
		if r.ID == p.router {
			_, counts := c.observe(r, slipway.TargetID{})
			return counts, err
		}
	}
	return false, err
}

// wants reports whether t has what the poll waits for.
func (p poll) wants(t wire.Table) bool {
	if t.Epoch == p.epoch && t.Version == p.version {
		return p.listeners != "" && p.listeners != wire.Digest(t.Listeners) ||
			p.servers != "" && p.servers != wire.Digest(t.Servers)
	}
	return t.NewerThan(p.epoch, p.version)
}

// within are the other servers that a router at that address can reach: one that
// listens on loopback is there for its own machine alone.
func (c *Control) within(address string) []string {
	if c.Others == nil {
		return nil
	}
	return slices.DeleteFunc(c.Others(), func(server string) bool { return isLocal(hostOf(server)) && !isLocal(address) })
}

func hostOf(server string) string {
	u, err := url.Parse(server)
	if err != nil {
		return ""
	}
	return u.Host
}

// isLocal reports whether HOST:PORT is on loopback.
func isLocal(address string) bool {
	a, err := netip.ParseAddrPort(address)
	return err == nil && a.Addr().Unmap().IsLoopback()
}

func parsePoll(q url.Values) (poll, error) {
	p := poll{router: slipway.RouterID(q.Get("router")), listeners: q.Get("listeners"), servers: q.Get("servers"), hold: wire.Hold}
	number := func(name string) uint64 {
		n, err := strconv.ParseUint(q.Get(name), 10, 64)
		if err != nil && q.Has(name) {
			p.router = ""
		}
		return n
	}
	p.epoch, p.version = number("epoch"), number("version")
	if ms := number("hold"); q.Has("hold") && ms < uint64(wire.Hold.Milliseconds()) {
		p.hold = time.Duration(ms) * time.Millisecond
	}
	if p.router == "" {
		return poll{}, slipway.Errorf(slipway.Invalid, "a poll needs router, and epoch, version and hold as whole numbers")
	}
	return p, nil
}
