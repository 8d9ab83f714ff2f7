package router

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/router/wire"
)

// Config is what a router needs to know.
type Config struct {
	ID       slipway.RouterID
	Dir      string        // its own: the last table is kept there
	Server   string        // http://127.0.0.1:7070
	Token    string        // of a router with this ID
	Listen   string        // host that the routes' ports are opened on; "": 127.0.0.1
	MostBody int64         // bytes of a request's body; 0: a gibibyte
	Hold     time.Duration // of a poll without news; 0: as long as the server allows
	Logger   *slog.Logger  // nil: none
}

// Router is the data plane: it listens on the port of every route and forwards
// requests to ready instances by the newest table that it has.
type Router struct {
	id       slipway.RouterID
	dir      string
	log      *slog.Logger
	link     *link
	process  wire.Process
	proxy    *httputil.ReverseProxy
	server   *http.Server
	doors    *doors
	hall     *hall
	dates    dates
	serving  sync.WaitGroup
	most     int64 // requests open at once
	mostBody int64 // bytes of a request's
	open     atomic.Int64

	table   atomic.Pointer[table] // what requests are routed by
	changed chan struct{}         // there is something to report
	contact contact               // with the server
	hold    time.Duration         // of a poll

	mu        sync.Mutex // held to change the table, never to serve
	endpoints map[endpointKey]*endpoint
	doubted   map[*endpoint]bool // that nobody has proven to be there since they were read from disk
	durable   *table             // that is on disk: the newest one that may be acknowledged
	keepErr   string             // why the one in effect is not
	sequence  uint64
}

const (
	headerTimeout = 10 * time.Second // for a client to send a request's header
	idleTimeout   = 2 * time.Minute  // longer than load balancers keep theirs
	mostInHeader  = 64 << 10         // bytes
	mostBody      = 1 << 30          // bytes
	goodbye       = 10 * time.Second // for requests in flight when the router is stopped
	greeting      = 100 * time.Millisecond
	reportEvery   = time.Second
)

// New makes a router. It returns an Invalid error when the configuration is
// not complete.
func New(c Config) (*Router, error) {
	if c.ID == "" || c.Dir == "" || c.Token == "" {
		return nil, slipway.Errorf(slipway.Invalid, "a router needs an ID, a directory and a token")
	}
	if u, err := url.Parse(c.Server); err != nil || u.Scheme == "" || u.Host == "" {
		return nil, slipway.Errorf(slipway.Invalid, "%q is not the URL of a server; write http://HOST:PORT", c.Server)
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.1"
	}
	if c.MostBody <= 0 {
		c.MostBody = mostBody
	}
	if c.Hold <= 0 {
		c.Hold = wire.Hold
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Router{
		id: c.ID, dir: c.Dir, log: c.Logger, process: wire.Self(),
		changed:   make(chan struct{}, 1),
		endpoints: map[endpointKey]*endpoint{},
		doubted:   map[*endpoint]bool{},
		hold:      c.Hold,
		durable:   emptyTable(),
		most:      mostOpen(),
		mostBody:  c.MostBody,
	}
	r.link = newLink(c, r.contact.heard)
	r.table.Store(emptyTable())
	r.proxy = r.newProxy()
	r.hall = newHall(r)
	r.doors = newDoors(c.Listen, r.serve)
	r.server = &http.Server{
		Handler:           r,
		ConnContext:       withClient,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    mostInHeader,
		ErrorLog:          slog.NewLogLogger(c.Logger.Handler(), slog.LevelDebug),
	}
	return r, nil
}

// Run routes until ctx ends, and then lets what is in flight finish for a
// while. It serves the table on disk at once, whether the server answers or
// not. It returns a Conflict error when another process uses the directory.
func (r *Router) Run(ctx context.Context) error {
	memory, err := openMemory(r.dir)
	if err != nil {
		return err
	}
	defer memory.close()
	last, err := memory.load()
	if err != nil {
		r.log.Warn("the last route table cannot be read; waiting for the server's", "error", err)
	}
	r.recall(ctx, last)
	r.greet(ctx, memory)
	r.probe(ctx)
	r.doors.start(ctx)

	var loops sync.WaitGroup
	r.serving.Go(func() { _ = r.server.Serve(r.hall.handed) })
	loops.Go(func() { r.pull(ctx) })
	loops.Go(func() { r.report(ctx, memory) })
	loops.Go(func() { r.tidy(ctx) })
	loops.Wait()
	r.stop(context.WithoutCancel(ctx))
	return nil
}

// greet tells the server that this router is about to serve, and takes a newer
// table if there is one, before the first request: while the router was down,
// nobody waited for it, and an address in its last table may be another's now.
// A server that does not answer is not waited for.
func (r *Router) greet(ctx context.Context, m *memory) {
	ctx, cancel := context.WithTimeout(ctx, greeting)
	defer cancel()
	if r.link.report(ctx, r.status()) != nil {
		return
	}
	if t, err := r.link.table(ctx, r.table.Load(), 0); err == nil && t != nil {
		r.apply(ctx, *t)
		r.keep(m)
	}
}

func (r *Router) serve(l net.Listener) {
	r.serving.Go(func() { r.hall.serve(l) })
}

// stop closes the doors, waits for what is in flight, and cuts the rest.
func (r *Router) stop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, goodbye)
	defer cancel()
	r.hall.close(ctx)
	_ = r.server.Shutdown(ctx)
	_ = r.server.Close()
	r.serving.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.endpoints {
		if !e.gone() {
			e.leave(0)
		}
	}
}

// pull takes every new table as soon as the server has it.
func (r *Router) pull(ctx context.Context) {
	var out outage
	for ctx.Err() == nil {
		t, err := r.link.table(ctx, r.table.Load(), r.hold)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			r.log.Debug("no table from the server", "error", err)
			out.pause(ctx)
		case t != nil && !r.apply(ctx, *t):
			out.pause(ctx) // a server that repeats what is old
		default:
			out.over()
		}
	}
}

// tidy tries closed doors again, and instances that did not answer, and closes
// connections that were idle too long.
func (r *Router) tidy(ctx context.Context) {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if r.doors.retry(ctx) {
				r.news()
			}
			r.probe(ctx)
			r.mu.Lock()
			for _, e := range r.endpoints {
				e.idle.sweep(now)
			}
			r.mu.Unlock()
		}
	}
}

// news has a report sent soon.
func (r *Router) news() {
	select {
	case r.changed <- struct{}{}:
	default: // one is due already
	}
}
