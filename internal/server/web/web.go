package web

import (
	"context"
	"embed"
	"io"
	"io/fs"
	"log/slog"
	"net/http"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// View answers what pages show.
type View interface {
	Board(ctx context.Context) (api.Board, error)
	Builds(ctx context.Context, p slipway.Principal, repository string, limit int) ([]api.Build, error)
	Build(ctx context.Context, p slipway.Principal, repository string, number int) (api.Build, error)
	Deployments(ctx context.Context, service, environment string, limit int) ([]api.Deployment, error)
	Deployment(ctx context.Context, id int64) (api.Deployment, error)
	// JobLog writes the log of a job's newest attempt to w, from its first byte
	// until the job has ended.
	JobLog(ctx context.Context, job slipway.JobID, w io.Writer) error
	PlatformView
	// Places shows a service in every environment.
	Places(ctx context.Context, service string) (api.Places, error)
}

// Desk does what the buttons ask for, in the name of p.
type Desk interface {
	Unblock(ctx context.Context, p slipway.Principal, repository string, number int, job slipway.JobID) error
	Abort(ctx context.Context, p slipway.Principal, id int64) error
	Promote(ctx context.Context, p slipway.Principal, id int64, stage int) error
	Approve(ctx context.Context, p slipway.Principal, id int64) error
}

// Sessions knows who looks at a page.
type Sessions interface {
	// Person is the principal of the request's session. It returns an
	// Unauthenticated error when there is none, or when it has ended.
	Person(r *http.Request) (slipway.Principal, error)
}

// Waker hints at changes.
type Waker interface {
	Listen(topic string) (c <-chan struct{}, stop func())
}

// Config is what the pages need.
type Config struct {
	View     View
	Desk     Desk
	Sessions Sessions
	Waker    Waker
	Log      *slog.Logger
}

//go:embed assets templates
var files embed.FS

type site struct {
	Config
	streams chan struct{} // one token per open live stream
}

const maxStreams = 500

// New makes the handler of all pages.
func New(c Config) http.Handler {
	s := &site{Config: c, streams: make(chan struct{}, maxStreams)}
	assets, err := fs.Sub(files, "assets")
	if err != nil {
		panic(err) // embedded: cannot fail in a binary that was built
	}
	mux := http.NewServeMux()
	mux.Handle("GET /assets/", http.StripPrefix("/assets/", cached(http.FileServerFS(assets))))
	mux.Handle("GET /assets/"+plotCSS, cached(http.HandlerFunc(plotStyle)))
	s.page(mux, "/{$}", s.board)
	s.page(mux, "/services/{service}", s.service)
	s.page(mux, "/builds", s.builds)
	s.page(mux, "/builds/{repository}/{number}", s.build)
	s.page(mux, "/deployments", s.deployments)
	s.page(mux, "/deployments/{id}", s.deployment)
	mux.HandleFunc("GET /deployments/{id}/evidence.svg", s.evidencePicture)
	mux.HandleFunc("GET /builds/{repository}/{number}/log/{job}", s.logStream)
	mux.HandleFunc("POST /builds/{repository}/{number}/unblock", s.unblock)
	mux.HandleFunc("POST /deployments/{id}/abort", s.abort)
	mux.HandleFunc("POST /deployments/{id}/promote", s.promote)
	s.platformPages(mux)
	mux.HandleFunc("GET /", s.missing)
	return mux
}

// cached lets a browser keep an asset for a while; its address changes with
// the binary, see assetURL.
func cached(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=86400")
		h.ServeHTTP(w, r)
	})
}

func (s *site) missing(w http.ResponseWriter, r *http.Request) {
	if _, err := s.Sessions.Person(r); err != nil {
		s.fail(w, r, err)
		return
	}
	s.fail(w, r, slipway.Errorf(slipway.NotFound, "there is no page %s", r.URL.Path).Do("the board is at /"))
}
