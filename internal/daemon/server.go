package daemon

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/driver/process"
)

// ServerOptions say how the server role runs.
type ServerOptions struct {
	Data      string
	Listen    string
	URL       string // that people open; "" follows from Listen
	RoutePort int
	Queues    []slipway.Queue // agents of this machine
	Database  string          // "" is SQLite in the data directory
	Keep      string          // policy of what is kept; "" is the default one
	Reach     string          // what people may have it ask; "" follows from Listen
	Metrics   string          // where Prometheus reads; "": nowhere
	Version   string
}

func serverCommand(version string) *cobra.Command {
	o := ServerOptions{Version: version}
	var queues string
	c := &cobra.Command{
		Use:     "server",
		Short:   "Run the server alone: API, pages, git, registry, controller",
		Long:    "Run the server alone. \"slipway up\" does this and more; at scale each role runs by itself.\n\nOn PostgreSQL several servers may share a data directory, each with an address of its own: what one was at when\nit stopped, another goes on with.\n\nThe database's address comes in the variable SLIPWAY_DATABASE.",
		Example: "  slipway server --listen 127.0.0.1:7070\n  SLIPWAY_DATABASE=postgres://… slipway server --listen 127.0.0.1:7071",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.Data, o.Database, o.Queues = dataFlag(c), os.Getenv(databaseEnv), splitQueues(queues)
			return runRole(c, func(c *cobra.Command) error { return Server(c.Context(), o) })
		},
	}
	c.Flags().StringVar(&o.Listen, "listen", DefaultListen, "address to listen on")
	c.Flags().StringVar(&o.URL, "url", "", "address that people open, when it is not the one listened on")
	c.Flags().IntVar(&o.RoutePort, "route-port", DefaultRoutePort, "first port of the services' routes")
	keepFlag(c, &o.Keep)
	reachFlag(c, &o.Reach)
	metricsFlag(c, &o.Metrics)
	c.Flags().StringVar(&queues, "queues", strings.Join(DefaultQueues, ","), "queues whose agents run on this machine")
	return c
}

// Server runs the server role until ctx ends. It listens before it writes
// anything, so that a port that is taken leaves nothing half done.
func Server(ctx context.Context, o ServerOptions) error {
	if err := checkRoutePort(o.RoutePort); err != nil {
		return err
	}
	if err := checkKeep(o.Keep); err != nil {
		return err
	}
	if err := checkReach(o.Reach); err != nil {
		return err
	}
	data, err := OpenData(o.Data)
	if err != nil {
		return err
	}
	seat, err := data.takeSeat(!isShared(o.Database))
	if err != nil {
		return err
	}
	defer seat.leave()
	if err := process.Opaque(); err != nil {
		return err
	}
	listener, err := listen(o.Listen)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	showing, err := openMetrics(ctx, o.Metrics)
	if err != nil {
		return err
	}
	if showing != nil {
		defer func() { _ = showing.Close() }()
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	p, err := placeOf(listener.Addr(), o)
	if err != nil {
		return err
	}
	parts, err := wire(ctx, seat, o, p, log)
	if err != nil {
		return err
	}
	defer parts.close()
	return parts.run(ctx, listener, showing, seat, p, log)
}

// listen opens the server's port. A Conflict error says that it is taken.
func listen(address string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", address)
	if err == nil {
		return l, nil
	}
	if isAddressInUse(err) {
		return nil, slipway.Errorf(slipway.Conflict, "%s is taken by another program", address).
			Do("choose another address: slipway up --listen 127.0.0.1:PORT")
	}
	return nil, slipway.Errorf(slipway.Invalid, "cannot listen on %s: %w", address, err).
		Do("write HOST:PORT, for example 127.0.0.1:7070")
}

// place is where the server is reached.
type place struct {
	url   string // by programs, and in links: http://127.0.0.1:7070
	pages string // where the pages answer: a name whose cookies reach no other port
	here  bool   // only this machine reaches it
}

// placeOf is where a server that listens at addr is reached. An Invalid error
// says that the URL given for it is none.
func placeOf(addr net.Addr, o ServerOptions) (place, error) {
	tcp, _ := addr.(*net.TCPAddr)
	port := strconv.Itoa(tcp.Port)
	if o.URL != "" {
		u, err := url.Parse(o.URL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" || u.User != nil || u.RawQuery != "" {
			return place{}, slipway.Errorf(slipway.Invalid, "--url: %q is not where pages can be", o.URL).
				Do("write https://HOST or http://HOST:PORT, without a path")
		}
		base := u.Scheme + "://" + u.Host
		return place{url: base, pages: base}, nil
	}
	if tcp.IP.IsLoopback() {
		// Cookies do not know ports: one for 127.0.0.1 would be sent to every
		// service on it. Browsers take *.localhost to loopback by themselves.
		return place{
			url:   "http://" + net.JoinHostPort(tcp.IP.String(), port),
			pages: "http://" + net.JoinHostPort(slipway.PagesHost, port),
			here:  true,
		}, nil
	}
	name := tcp.IP.String()
	if tcp.IP.IsUnspecified() {
		name, _ = os.Hostname()
	}
	base := "http://" + net.JoinHostPort(name, port)
	return place{url: base, pages: base}, nil
}

// run serves until ctx ends, and then lets what is in flight finish for a
// moment.
func (p *parts) run(ctx context.Context, l, showing net.Listener, seat *seat, at place, log *slog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := seat.announce(at.url, p.controller.Owner); err != nil { // before it owns anything
		return err
	}
	web := &http.Server{
		Handler:           patient(stall, p.handler(at)),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	var running sync.WaitGroup
	failed := make(chan error, 16)
	start := func(f func(context.Context) error) {
		running.Go(func() {
			if err := f(ctx); err != nil && ctx.Err() == nil {
				failed <- err
			}
		})
	}
	start(func(context.Context) error {
		if err := web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	start(func(ctx context.Context) error { return p.clock.Run(ctx, log) })
	start(p.held.Keep)
	start(p.share)
	start(func(ctx context.Context) error { return p.driver.Watch(ctx, p.wakeTarget) })
	start(p.dispatch.Run)
	start(p.controller.Run)
	start(p.git.Reconcile)
	start(p.git.Watch)
	start(p.collector.Run)
	start(p.placebo.Run)
	if showing != nil {
		start(func(ctx context.Context) error { return exhibit(ctx, showing, p.store, log) })
	}
	p.hub.Wake("routes") // routers speak to every server
	start(func(ctx context.Context) error {
		return seat.attend(ctx, func(gone []seated) { p.succeed(ctx, gone) })
	})
	log.Info("the server listens", "url", at.url)
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	cancel()
	ending, stop := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer stop()
	if web.Shutdown(ending) != nil {
		_ = web.Close()
	}
	running.Wait()
	return err
}

// administrator is what the first administrator is called: the person whose
// machine this is.
func administrator() string {
	u, err := user.Current()
	if err != nil {
		return "admin"
	}
	return u.Username
}
