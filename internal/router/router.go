package router

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/router/access"
	"github.com/slipway-cd/slipway/internal/router/wire"
)

// Config is what a router needs to know.
type Config struct {
	ID       slipway.RouterID
	Dir      string          // its own: the last table is kept there
	Server   string          // http://127.0.0.1:7070
	Token    string          // of a router with this ID
	Listen   string          // host that the routes' ports are opened on; "": 127.0.0.1
	MostBody int64           // bytes of a request's body; 0: a gibibyte
	Hold     time.Duration   // of a poll without news; 0: as long as the server allows
	Logger   *slog.Logger    // nil: none
	Access   *access.Log     // whose Run the caller keeps; nil: no access log
	Metrics  string          // 127.0.0.1:PORT where Prometheus reads them, any port when it is 0; "": nowhere
	Upgrade  bool            // take over from the process that runs in Dir, if one does
	Find     func() []string // URLs of servers, asked when none answers; nil: there are no others
	Serving  func() error    // called when the doors are open, before a process that was taken over leaves; nil: nothing
}

// Router is the data plane: it listens on the port of every route and forwards
// requests to ready instances by the newest table that it has.
type Router struct {
	config   Config
	log      *slog.Logger
	lines    *lines
	process  wire.Process
	proxy    *httputil.ReverseProxy
	server   *http.Server
	doors    *doors
	hall     *hall
	dates    dates
	http2    *http.Transport // to instances that speak it
	serving  sync.WaitGroup
	most     int64 // requests open at once
	mostBody int64 // bytes of a request's
	open     atomic.Int64
	handed   atomic.Int64 // connections that net/http's server has

	table   atomic.Pointer[table] // what requests are routed by
	changed chan struct{}         // there is something to report
	meters  meters
	showing net.Listener // where metrics are read, that the process before had; nil: none
	still   sync.Mutex   // held while another process takes over: no new table, nothing written
	contact contact      // with the server

	mu        sync.Mutex // held to change the table, never to serve
	endpoints map[endpointKey]*endpoint
	releases  map[*endpoint]int  // that instances were named for last
	doubted   map[*endpoint]bool // that nobody has proven to be there since they were read from disk or a backup
	durable   *table             // that is on disk: the newest one that may be acknowledged
	keepErr   string             // why the one in effect is not
	sequence  uint64
	before    []wire.Process // of this router, that may still serve what they had
	heir      *wire.Process  // that has taken over
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
	if err := checkServer(c.Server); err != nil {
		return nil, err
	}
	if err := checkMetricsAddress(c.Metrics); err != nil {
		return nil, err
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
	if c.Serving == nil {
		c.Serving = func() error { return nil }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Router{
		config: c, log: c.Logger, process: wire.Self(),
		changed:   make(chan struct{}, 1),
		endpoints: map[endpointKey]*endpoint{},
		doubted:   map[*endpoint]bool{},
		releases:  map[*endpoint]int{},
		durable:   emptyTable(),
		most:      mostOpen(),
		mostBody:  c.MostBody,
	}
	r.lines = newLines(c.Server, func(url string) *link { return newLink(url, c, r.contact.heard) })
	r.table.Store(emptyTable())
	r.proxy = r.newProxy()
	r.hall = newHall(r)
	r.http2 = http2Transport()
	r.doors = newDoors(c.Listen, r.serve)
	r.server = &http.Server{
		Handler:           r,
		ConnContext:       withClient,
		Protocols:         protocols(),
		ConnState:         r.state,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    mostInHeader,
		ErrorLog:          slog.NewLogLogger(c.Logger.Handler(), slog.LevelDebug),
	}
	return r, nil
}

// speak takes tables from a server and reports to it, until ctx ends or the
// server has been silent for so long that it is given up.
func (r *Router) speak(ctx context.Context, l *link) {
	ctx, stop := context.WithCancel(ctx)
	var both sync.WaitGroup
	both.Go(func() { r.report(ctx, l) })
	r.pull(ctx, l)
	stop()
	both.Wait()
}

// pull takes every new table as soon as a server has it.
func (r *Router) pull(ctx context.Context, l *link) {
	var out outage
	for ctx.Err() == nil {
		t, err := l.table(ctx, r.table.Load(), r.config.Hold)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			if r.lines.drop(l, out.lasts()) {
				return
			}
			r.log.Debug("no table from the server", "server", l.server, "error", err)
			out.pause(ctx)
		case t != nil && !r.take(ctx, *t):
			out.pause(ctx) // a server that repeats what is old
		default:
			out.over()
		}
	}
}

// take applies a table, unless another process is taking over: it waits for
// that. It returns false for one that says nothing new.
func (r *Router) take(ctx context.Context, t wire.Table) bool {
	r.lines.learn(t.Servers)
	defer r.news() // once it can be kept: nothing is acknowledged before
	r.still.Lock()
	defer r.still.Unlock()
	return r.apply(ctx, t)
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
			r.bereaved(ctx)
			r.mu.Lock()
			for _, e := range r.endpoints {
				e.idle.sweep(now)
			}
			r.mu.Unlock()
			r.meters.tidy(r.table.Load(), now)
			r.forget(now)
		}
	}
}

// news has a report sent soon.
func (r *Router) news() { notify(r.changed) }
