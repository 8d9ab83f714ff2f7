package server

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/redact"
	"github.com/slipway-cd/slipway/internal/server/auth"
	"github.com/slipway-cd/slipway/internal/server/view"
)

// Store is what the API reads and, for releases, writes.
type Store interface {
	view.Store
	Build(context.Context, slipway.BuildID) (slipway.Build, error)
	BuildByNumber(context.Context, slipway.RepositoryName, int) (slipway.Build, error)
	BuildOfJob(context.Context, slipway.JobID) (slipway.BuildID, error)
	Builds(context.Context, slipway.RepositoryName, int) ([]slipway.Build, error)
	Releases(context.Context, slipway.ServiceName, int) ([]slipway.Release, error)
	CreateRelease(context.Context, slipway.Release, ...slipway.Event) (slipway.Release, bool, error)
	Events(context.Context, int64, slipway.EventFilter, int) ([]slipway.Event, error)
	EventBefore(ctx context.Context, f slipway.EventFilter, n int) (int64, error)
	Agents(context.Context) ([]slipway.Agent, error)
	Declarations(context.Context, int) ([]slipway.Declaration, error)
	Placebos(context.Context) ([]slipway.Placebo, error)
}

// Builds changes builds, for those who may. *dispatch.Dispatch is one.
type Builds interface {
	Unblock(context.Context, slipway.BuildID, slipway.JobID, slipway.Principal) (slipway.Build, error)
	Cancel(context.Context, slipway.BuildID, slipway.Principal) (slipway.Build, error)
	// MarkDeployed notes that an attempt is about to ask for a deployment, after
	// which its job is never run again by itself. It is Stale when the attempt is
	// over.
	MarkDeployed(context.Context, slipway.JobGrant) error
}

// Deploy asks for a deployment.
type Deploy struct {
	Service     slipway.ServiceName
	Environment slipway.EnvironmentName
	Kind        slipway.DeploymentKind
	Release     int // 0: let the deployer choose
	Actor       slipway.Actor
	Build       slipway.BuildID // of the job that asks; "" for a person
	Key         string          // asking again with the same key deploys once
	Older       bool            // deploy: a release that is older than the live one will do
	Replace     bool            // what moves the target gives way: it goes back, and this one starts when it is gone
	Override    string          // why the gates that may be overridden are; "" when they are not
}

// Deployer makes and aborts deployments, scales and removes.
type Deployer interface {
	Deploy(context.Context, Deploy) (slipway.Deployment, error)
	Foresee(context.Context, Deploy) (Foresight, error)
	Abort(context.Context, slipway.DeploymentID, slipway.Actor) error
	Promote(ctx context.Context, id slipway.DeploymentID, stage int, by slipway.Actor, why string) error
	Scale(ctx context.Context, t slipway.TargetID, instances int, by slipway.Actor) error
	Remove(ctx context.Context, t slipway.TargetID, by slipway.Actor) error
}

// Foresight is what a deployment would do, if it began now.
type Foresight struct {
	Deployment slipway.Deployment
	Revision   slipway.Revision
	Limits     []string // what the driver cannot promise
}

// Images knows which images were pushed.
type Images interface {
	// Pin reports whether an image is here with all that it needs; if it is, it
	// stays for as long as it takes to make a release of it.
	Pin(context.Context, slipway.Digest) (bool, error)
}

// Waker tells when to look again.
type Waker interface {
	Listen(topic string) (c <-chan struct{}, stop func())
}

// Config is what a Server needs.
type Config struct {
	Auth     *auth.Auth
	Store    Store
	View     *view.Viewer
	Builds   Builds
	Deployer Deployer
	Platform Platform
	Images   Images
	Keeper   Keeper
	Waker    Waker
	Routers  Routers
	Settings Settings
	Secrets  Secrets
	// Hidden is what logs of jobs of a repository must not show; nil: they show
	// all.
	Hidden func(context.Context, slipway.RepositoryName) *redact.Set
	// Manifest reads the text of a slipway.yaml that lies at path, for these
	// environments.
	Manifest func(all slipway.Environments, path string, text []byte) (slipway.Manifest, error)
	URL      string // of the pages, where login links lead: http://slipway.localhost:7070
	Version  string
	Log      *slog.Logger

	MaxStreams int // open at a time; 0: 1000
}

// Bounds.
const (
	maxBody      = 1 << 20
	defaultLimit = 50
	maxLimit     = 500
	recheck      = 10 * time.Second // a stream asks this often whether its token is still good
	lookAgain    = 2 * time.Second  // a stream, without a hint
	keepAlive    = 15 * time.Second // a stream with nothing to say shows that it lives
	patience     = time.Minute      // for a client to take what a stream sends
	maxStreams   = 1000
)

// Server answers the API.
type Server struct {
	Config
	spec []byte
	open chan struct{} // one token per open stream
}

// New makes a Server.
func New(c Config) *Server {
	if c.MaxStreams == 0 {
		c.MaxStreams = maxStreams
	}
	return &Server{Config: c, open: make(chan struct{}, c.MaxStreams)}
}

// Handler serves /api/v1/.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			Info: &huma.Info{Title: "Slipway", Version: s.Version, Description: "Continuous deployment for microservices."},
			Components: &huma.Components{
				SecuritySchemes: map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer"}},
			},
			Security: []map[string][]string{{"token": {}}},
		},
		// The second is for every +json.
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{problems},
	}
	api := humago.New(mux, config)
	s.people(api)
	s.targets(api)
	s.builds(api)
	s.releases(api)
	s.deployments(api)
	s.evidence(api)
	s.platform(api)
	s.settings(api)
	s.routers(api)
	s.keeping(api)
	s.streams(api)
	s.spec = specification(api)
	mux.HandleFunc("GET /api/v1/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(s.spec) // the client went away
	})
	mux.HandleFunc("/api/v1/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, s.Log, slipway.Errorf(slipway.NotFound, "there is no %s %s", r.Method, r.URL.Path).
			Do("what there is: GET /api/v1/openapi.json"))
	})
	return s.authenticated(mux)
}

// specification describes the API. Each failure is a Problem.
func specification(api huma.API) []byte {
	schemas := api.OpenAPI().Components.Schemas.Map()
	delete(schemas, "ErrorModel") // huma's own, which problems replaces
	delete(schemas, "ErrorDetail")
	b, err := json.MarshalIndent(api.OpenAPI(), "", "  ")
	if err != nil {
		panic(err) // of our own types only
	}
	return b
}

type principalKey struct{}

// authenticated lets in who has a token, before anything of the call is read.
func (s *Server) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		p, err := s.Auth.Authenticate(r.Context(), token)
		if err != nil {
			w.Header().Set("WWW-Authenticate", `Bearer realm="slipway"`)
			refuse(w, s.Log, err)
			return
		}
		if !p.CanRead() {
			refuse(w, s.Log, slipway.Errorf(slipway.Forbidden, "%s may not use the API", p.Actor.Name))
			return
		}
		// A copy: net/http looks at the body of its own request to know whether the
		// rest of it is still to be read before the next.
		r = r.WithContext(context.WithValue(r.Context(), principalKey{}, caller{p, token}))
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// caller is who calls, with the token that proved it.
type caller struct {
	slipway.Principal
	token string
}

func from(ctx context.Context) caller {
	c, _ := ctx.Value(principalKey{}).(caller)
	return c
}

func limited(n int) int {
	if n <= 0 {
		return defaultLimit
	}
	return min(n, maxLimit)
}
