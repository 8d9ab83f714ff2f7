package daemon

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/build/dispatch"
	"github.com/slipway-cd/slipway/internal/deploy/collector"
	"github.com/slipway-cd/slipway/internal/deploy/controller"
	"github.com/slipway-cd/slipway/internal/deploy/placebo"
	"github.com/slipway-cd/slipway/internal/deploy/platform"
	"github.com/slipway-cd/slipway/internal/deploy/prometheus"
	"github.com/slipway-cd/slipway/internal/driver/executor"
	"github.com/slipway-cd/slipway/internal/manifest"
	"github.com/slipway-cd/slipway/internal/protocol/buildkite"
	"github.com/slipway-cd/slipway/internal/protocol/git"
	"github.com/slipway-cd/slipway/internal/protocol/oci"
	"github.com/slipway-cd/slipway/internal/router/control"
	"github.com/slipway-cd/slipway/internal/server"
	"github.com/slipway-cd/slipway/internal/server/auth"
	"github.com/slipway-cd/slipway/internal/server/view"
	"github.com/slipway-cd/slipway/internal/server/web"
	"github.com/slipway-cd/slipway/internal/state/blob"
	"github.com/slipway-cd/slipway/internal/state/store"
	"github.com/slipway-cd/slipway/internal/state/wake"
)

// parts are what the server role is made of.
type parts struct {
	store      *store.Store
	clock      *store.Clock
	held       *store.Held
	blobs      *blob.Store
	hub        *wake.Hub
	auth       *auth.Auth
	images     *oci.Images
	settings   *settings
	driver     *executor.Client
	control    *control.Control
	dispatch   *dispatch.Dispatch
	controller *controller.Controller
	platform   *platform.Platform
	collector  *collector.Collector
	placebo    *placebo.Placebo
	git        *git.Server
	viewer     *view.Viewer
	options    ServerOptions
	log        *slog.Logger
}

// wire makes the parts and brings them together. What it has opened when
// something fails, it closes.
func wire(ctx context.Context, seat *seat, o ServerOptions, at place, log *slog.Logger) (_ *parts, err error) {
	data := seat.data
	p := &parts{hub: wake.New(), options: o, log: log}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if err := p.openState(ctx, data, o); err != nil {
		return nil, err
	}
	p.auth.Secure = strings.HasPrefix(at.pages, "https://")
	if err := p.ensureTokens(ctx, data, o); err != nil {
		return nil, err
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p.images = oci.New(imageBlobs{p.blobs}, data.tmp())
	p.settings = newSettings(p.store, data, os.Getenv, log.With("part", "settings"))
	if err := p.settings.check(ctx); err != nil {
		return nil, err
	}
	p.driver = executor.Connect(data.executorSocket())
	p.control = control.New(p.store, p.hub, p.auth, time.Now, log.With("part", "router"))
	p.control.Others = func() []string {
		return slices.DeleteFunc(data.Servers(), func(url string) bool { return url == at.url })
	}
	if err := p.wireBuilds(data, exe, at, log); err != nil {
		return nil, err
	}
	owner, err := takeOver(ctx, seat, p.store)
	if err != nil {
		return nil, err
	}
	reach, err := reachOf(o.Reach, at)
	if err != nil {
		return nil, err
	}
	p.controller = &controller.Controller{
		Store: p.store, Driver: p.driver, Traffic: p.control, Waker: p.hub, Tasks: p.dispatch, Log: log.With("part", "controller"),
		Owner: owner, FirstPort: o.RoutePort, PortFree: portFree, Gatekeeper: p.store, Settings: p.settings, Failpoint: failpoint(log),
		Witness: p.control, Archive: p.store, Asker: prometheus.New(reach.Client()),
	}
	p.viewer = &view.Viewer{
		Store: p.store, Groups: p.driver, Observed: p.driver.Observe, Routes: p.control, Output: hidingOutput{p.driver, p.settings}, Jobs: p.dispatch, Hidden: p.settings.ofJob, URL: at.url,
	}
	p.placebo = &placebo.Placebo{Witness: p.control, Store: p.store, Log: log.With("part", "placebo"), Now: time.Now}
	p.git.Story = p.viewer
	p.wirePlatform()
	if err := p.wireCollector(data); err != nil {
		return nil, err
	}
	return p, p.store.AppendEvents(ctx, slipway.Event{
		At: time.Now().UTC(), Kind: slipway.ServerStarted, Actor: slipway.System, Text: "the server started",
	})
}

func (p *parts) openState(ctx context.Context, data Data, o ServerOptions) (err error) {
	address := o.Database
	if address == "" {
		address = data.database()
	}
	if p.store, err = store.Open(ctx, address); err != nil {
		return err
	}
	p.store.OnEvents = p.heard
	if p.held, err = p.store.Hold(ctx, data.identity()); err != nil {
		return err
	}
	if p.clock, err = p.store.Clock(ctx); err != nil {
		return err
	}
	if p.blobs, err = blob.Open(data.blobs()); err != nil {
		return err
	}
	if err := os.MkdirAll(data.tmp(), 0o700); err != nil {
		return err
	}
	p.auth = auth.NewAuth(p.store)
	return nil
}

// ensureTokens makes the tokens that the roles of this machine use.
func (p *parts) ensureTokens(ctx context.Context, data Data, o ServerOptions) error {
	if err := p.auth.EnsureAdmin(ctx, data.adminToken(), administrator()); err != nil {
		return err
	}
	if err := p.auth.EnsureRouter(ctx, data.routerToken(), localRouter); err != nil {
		return err
	}
	for _, q := range o.Queues {
		if err := p.auth.EnsureAgent(ctx, data.agentToken(q), q); err != nil {
			return err
		}
	}
	return nil
}

// wireBuilds brings git and dispatch together, which need each other: pushes
// make builds, builds read repositories.
func (p *parts) wireBuilds(data Data, exe string, at place, log *slog.Logger) (err error) {
	p.git, err = git.New(git.Config{
		Dir: data.Dir, Program: exe, URL: at.url, Auth: p.auth, Store: p.store, Waker: p.hub, Log: log.With("part", "git"),
	})
	if err != nil {
		return err
	}
	p.dispatch = dispatch.New(dispatch.Config{
		Store: p.store, Blobs: hidingLogs{p.blobs, p.settings}, Source: p.git, Waker: p.hub, Queues: p.options.Queues,
		Clock: p.clock.Now, Log: log.With("part", "dispatch"),
	})
	p.git.Builds = p.dispatch
	return nil
}

// handler is the URL space of the server.
func (p *parts) handler(at place) http.Handler {
	api := server.New(server.Config{
		Auth: p.auth, Store: p.store, View: p.viewer, Builds: p.dispatch, Deployer: deployer{p.controller}, Platform: p.platform,
		Images: p.images, Keeper: keeper{p.collector}, Waker: p.hub, Routers: routers{p.control, p.store}, Settings: p.settings, Secrets: p.settings, Hidden: p.settings.ofRepository, Manifest: manifest.ParseFor, URL: at.pages, Version: p.options.Version, Log: p.log.With("part", "api"),
	})
	pages := http.NewServeMux()
	login := p.auth.LoginHandler(p.log.With("part", "login"))
	pages.Handle("/login", login)
	pages.Handle("/logout", login)
	pages.Handle("/", web.New(web.Config{
		View: pageView{p.viewer, api, p.store, p.platform}, Desk: pageDesk{p.dispatch, p.controller, p.store, p.platform},
		Sessions: sessions{p.auth}, Waker: p.hub, Log: p.log.With("part", "pages"),
	}))
	mux := http.NewServeMux()
	mux.Handle("/api/v1/", api.Handler())
	mux.Handle("/git/", p.git.Handler())
	mux.Handle("/v2/", oci.Handler(p.images, p.auth, p.log.With("part", "registry")))
	mux.Handle("/agent/v3/", buildkite.New(buildkite.Config{
		URL: at.url, Auth: p.auth, Agents: p.dispatch, Jobs: p.dispatch, Log: p.log.With("part", "agents"),
	}))
	mux.Handle("/agentedge.v1.AgentEdgeService/", http.NotFoundHandler()) // stock agents ask for a stream first, then ping
	mux.Handle("/router/v1/", p.control.Handler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.Handle("/", auth.Browser(at.pages, pages))
	return recovering(mux, p.log)
}

// share passes hints between this server and the others on its database, until
// ctx ends.
func (p *parts) share(ctx context.Context) error {
	line := p.store.Line(p.log.With("part", "hints"))
	if line == nil {
		return nil
	}
	return p.hub.Join(ctx, line)
}

func (p *parts) close() {
	if p.blobs != nil {
		_ = p.blobs.Close()
	}
	if p.store != nil {
		_ = p.store.Close()
	}
}

// heard turns what was committed into hints for those who wait for it.
func (p *parts) heard(events []slipway.Event) {
	topics := map[string]bool{"events": true}
	for _, e := range events {
		if e.Kind == slipway.EnvironmentsDeclared {
			topics["routes"] = true // routers listen where environments say
		}
		if e.Build != "" {
			topics["build/"+e.Build] = true
			topics["jobs"] = true
		}
		if e.Target != (slipway.TargetID{}) {
			topics["target/"+e.Target.String()] = true
		}
		if e.Deployment != 0 {
			topics["deployment/"+e.Deployment.String()] = true
		}
	}
	for topic := range topics {
		p.hub.Wake(topic)
	}
}

func (p *parts) wakeTarget(t slipway.TargetID) { p.hub.Wake("target/" + t.String()) }
