package git

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/slipway-cd/slipway"
)

// Authenticator says who bears a token.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (slipway.Principal, error)
}

// Store knows the repositories, what their refs were last recorded to be, and
// how builds go. *store.Store is one.
type Store interface {
	CreateRepository(context.Context, slipway.Repository, ...slipway.Event) error
	Repository(context.Context, slipway.RepositoryName) (slipway.Repository, error)
	Repositories(context.Context) ([]slipway.Repository, error)
	Refs(context.Context, slipway.RepositoryName) (map[string]slipway.Commit, error)
	Build(context.Context, slipway.BuildID) (slipway.Build, error)
}

// Builds turns pushes into builds. *dispatch.Dispatch is one.
type Builds interface {
	// Push records p and makes its build. No build has a note that says why, or
	// nothing to say. The same push again returns the same build.
	Push(ctx context.Context, p slipway.Push) (build *slipway.Build, note string, err error)
}

// Platform applies what the platform repository declares. *platform.Platform is
// one.
type Platform interface {
	// Pushed applies p and returns the lines to tell the pusher.
	Pushed(ctx context.Context, p slipway.Push) []string
}

// Waker tells when to look at a build again.
type Waker interface {
	Listen(topic string) (c <-chan struct{}, stop func())
}

// Story adds to the line of a job that ended what came of it.
type Story interface {
	// Outcome is a few words: the release it published, how its deployment ended.
	Outcome(context.Context, slipway.Build, slipway.Job) string
	// Tail is the last lines of its log, at most n.
	Tail(ctx context.Context, b slipway.Build, j slipway.Job, n int) []string
}

// Config is what a Server needs.
type Config struct {
	Dir     string // holds repositories/
	Program string // the slipway binary, which git's hook runs
	URL     string // where people open pages: http://127.0.0.1:7070
	Auth    Authenticator
	Store   Store
	Builds  Builds
	// Platform is told of pushes to the platform repository, which only
	// administrators may push to.
	Platform Platform
	Waker    Waker
	Story    Story
	Log      *slog.Logger
}

// Bounds.
const (
	maxFetches   = 16               // at a time; more wait
	maxPushes    = 128              // at a time, those that watch their build included; more are refused
	maxPush      = 2 << 30          // bytes of one push
	maxAsk       = 16 << 20         // bytes of what a fetch says it has and wants
	stallFor     = 2 * time.Minute  // a client that sends nothing for so long is gone
	followFor    = 2 * time.Hour    // a push watches its builds no longer
	deliverFor   = time.Minute      // to record one change of a ref
	longStep     = 3 * time.Second  // a step that takes longer is announced
	lookAgain    = 20 * time.Second // at a build, without a hint
	maxFollowed  = 20               // builds of one push that are watched
	maxHookInput = 4 << 20          // what git tells the hook: a line per ref
)

// Server serves git. Its zero value is not useful: see [New].
type Server struct {
	Config
	git      string // the program
	fetches  chan struct{}
	pushes   chan struct{}
	creating sync.Mutex
	inflight inflight
}

// New prepares the directory of the repositories. It returns Unavailable when
// there is no git.
func New(c Config) (*Server, error) {
	program, err := exec.LookPath("git")
	if err != nil {
		return nil, slipway.Errorf(slipway.Unavailable, "there is no git on this machine").Do("install it: apt install git")
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, err
	}
	c.Dir, c.URL = dir, strings.TrimRight(c.URL, "/")
	s := &Server{
		Config: c, git: program,
		fetches: make(chan struct{}, maxFetches), pushes: make(chan struct{}, maxPushes),
		inflight: inflight{pushes: map[string]*push{}},
	}
	if err := os.MkdirAll(s.root(), 0o700); err != nil {
		return nil, err
	}
	return s, s.prepare(context.Background())
}

// Handler serves /git/.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /git/{repository}/info/refs", s.refs)
	mux.HandleFunc("POST /git/{repository}/git-upload-pack", s.fetch)
	mux.HandleFunc("POST /git/{repository}/git-receive-pack", s.receive)
	mux.HandleFunc("POST /git/hooks/post-receive", s.hook)
	mux.HandleFunc("/git/", s.nowhere)
	return mux
}

// nowhere answers what is no address of a repository, such as team/name.git.
func (s *Server) nowhere(w http.ResponseWriter, r *http.Request) {
	_, err := s.Auth.Authenticate(r.Context(), token(r))
	if err == nil {
		name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/git/"), ".git")
		if err = slipway.RepositoryName(name).Validate(); err == nil {
			err = slipway.Errorf(slipway.NotFound, "there is no %s %s", r.Method, r.URL.Path)
		}
	}
	s.refuse(w, err)
}

// refs answers what both kinds of call begin with: which refs there are.
func (s *Server) refs(w http.ResponseWriter, r *http.Request) {
	service := r.URL.Query().Get("service")
	switch service {
	case "git-upload-pack":
		if name, ok := s.mayFetch(w, r); ok {
			s.serve(w, r, call{repository: string(name), service: "info/refs", query: "service=" + service})
		}
	case "git-receive-pack":
		name, _, ok := s.mayPush(w, r)
		if !ok {
			return
		}
		dir := string(name)
		if !s.exists(name) {
			dir = empty // a push that comes to nothing leaves nothing
		}
		s.serve(w, r, call{repository: dir, service: "info/refs", query: "service=" + service})
	default:
		s.refuse(w, slipway.Errorf(slipway.Invalid, "git's smart protocol only").Do("use a git from after 2010"))
	}
}

func (s *Server) fetch(w http.ResponseWriter, r *http.Request) {
	name, ok := s.mayFetch(w, r)
	if !ok {
		return
	}
	select {
	case s.fetches <- struct{}{}:
		defer func() { <-s.fetches }()
	case <-r.Context().Done():
		return
	}
	s.serve(w, r, call{repository: string(name), service: "git-upload-pack", bound: maxAsk})
}

// mayFetch authenticates r for reading its repository; it has answered when
// not ok.
func (s *Server) mayFetch(w http.ResponseWriter, r *http.Request) (slipway.RepositoryName, bool) {
	name, p, err := s.caller(r)
	if err == nil && !p.CanFetch(name) {
		err = slipway.Errorf(slipway.Forbidden, "%s may not fetch repository %s", p.Actor.Name, name)
	}
	if err == nil && !s.exists(name) {
		err = slipway.Errorf(slipway.NotFound, "there is no repository %s", name).Do("make it with its first push")
	}
	if err != nil {
		s.refuse(w, err)
	}
	return name, err == nil
}

func (s *Server) mayPush(w http.ResponseWriter, r *http.Request) (slipway.RepositoryName, slipway.Principal, bool) {
	name, p, err := s.caller(r)
	switch {
	case err != nil:
	case !p.CanPush():
		err = slipway.Errorf(slipway.Forbidden, "%s may not push to %s; pushing needs the role deployer", p.Actor.Name, name)
	case name == slipway.PlatformRepository && !p.CanAdminister():
		err = slipway.Errorf(slipway.Forbidden, "%s may not push to %s, which declares the environments; that needs the role admin", p.Actor.Name, name)
	}
	if err != nil {
		s.refuse(w, err)
	}
	return name, p, err == nil
}

// caller says who calls, and of which repository. Who is asked first: nobody
// learns anything without a token.
func (s *Server) caller(r *http.Request) (slipway.RepositoryName, slipway.Principal, error) {
	p, err := s.Auth.Authenticate(r.Context(), token(r))
	if err != nil {
		return "", p, err
	}
	name := slipway.RepositoryName(strings.TrimSuffix(r.PathValue("repository"), ".git"))
	return name, p, name.Validate()
}

// token is what git's credential helpers send as the password, or programs as
// a bearer.
func token(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return bearer
}

// refuse answers with err in words that git shows as "remote: …".
func (s *Server) refuse(w http.ResponseWriter, err error) {
	code := slipway.CodeOf(err)
	switch code {
	case slipway.Unauthenticated:
		w.Header().Set("WWW-Authenticate", `Basic realm="slipway", charset="UTF-8"`)
	case slipway.Unavailable:
		w.Header().Set("Retry-After", "10")
	case slipway.Internal:
		s.Log.Error("git", "err", err)
	default:
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code.HTTPStatus())
	_, _ = w.Write([]byte(slipway.MessageOf(err) + "\n")) // the client went away
}
