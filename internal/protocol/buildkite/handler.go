package buildkite

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/slipway-cd/slipway"
)

// Authenticator says who bears a token.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (slipway.Principal, error)
}

// Agents knows who is there to run jobs.
type Agents interface {
	Register(ctx context.Context, by slipway.Principal, a slipway.Agent) (slipway.Agent, string, error)
	Connect(context.Context, slipway.AgentID) error
	Heartbeat(context.Context, slipway.AgentID) error
	Disconnect(context.Context, slipway.AgentID) error
	// Ping waits a while for work; "" when there is none.
	Ping(context.Context, slipway.AgentID) (slipway.JobID, error)
}

// Jobs gives jobs to agents and hears how they go. What is done for an attempt
// that is over is a Stale error.
type Jobs interface {
	Accept(context.Context, slipway.AgentID, slipway.JobID) (slipway.Assignment, error)
	Start(context.Context, slipway.JobGrant) error
	Attempt(context.Context, slipway.JobGrant) (slipway.Attempt, error)
	AppendLog(ctx context.Context, g slipway.JobGrant, sequence int, offset int64, data []byte) error
	Finish(ctx context.Context, g slipway.JobGrant, status int, signal, reason string) error
}

// Config is what the handler needs.
type Config struct {
	URL    string // of this server as agents reach it: http://127.0.0.1:7070
	Auth   Authenticator
	Agents Agents
	Jobs   Jobs
	Log    *slog.Logger
}

type server struct{ Config }

// New makes the handler of /agent/v3/.
func New(c Config) http.Handler {
	c.URL = strings.TrimRight(c.URL, "/")
	s := &server{c}
	mux := http.NewServeMux()
	handle := func(pattern string, h func(*http.Request, slipway.Principal) (any, error)) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.Handle(method+" /agent/v3/"+path, s.endpoint(h))
	}
	handle("POST register", s.register)
	handle("POST connect", s.agent(Agents.Connect))
	handle("POST disconnect", s.agent(Agents.Disconnect))
	handle("POST heartbeat", s.heartbeat)
	handle("GET ping", s.ping)
	handle("PUT jobs/{job}/accept", s.accept)
	handle("PUT jobs/{job}/start", s.start)
	handle("GET jobs/{job}", s.jobState)
	handle("POST jobs/{job}/chunks", s.chunk)
	handle("POST jobs/{job}/header_times", s.headerTimes)
	handle("PUT jobs/{job}/finish", s.finish)
	mux.Handle("/agent/v3/", s.endpoint(func(*http.Request, slipway.Principal) (any, error) {
		return nil, slipway.Errorf(slipway.NotFound, "this part of the agent protocol is not supported yet")
	}))
	return mux
}

// endpoint authenticates, calls h and writes what it returns.
func (s *server) endpoint(h func(*http.Request, slipway.Principal) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Token ")
		p, err := s.Auth.Authenticate(r.Context(), token)
		var answer any = struct{}{}
		if err == nil {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			answer, err = h(r, p)
		}
		if err != nil {
			answer = map[string]string{"message": slipway.MessageOf(err)}
			w.WriteHeader(s.status(r, err))
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil && r.Context().Err() == nil {
			s.Log.Warn("answering an agent", "path", r.URL.Path, "err", err)
		}
	})
}

// status is the HTTP status of a failure. Agents try again on 5xx and 429, and
// stop a job on 401.
func (s *server) status(r *http.Request, err error) int {
	switch code := slipway.CodeOf(err); code {
	case slipway.Stale: // the job is another's now
		return http.StatusUnauthorized
	case slipway.Conflict, slipway.Exists:
		return http.StatusUnprocessableEntity
	case slipway.Internal:
		s.Log.Error("agent protocol", "path", r.URL.Path, "err", err)
		fallthrough
	default:
		return code.HTTPStatus()
	}
}

// maxBody bounds every request. A chunk, compressed, is the largest.
const maxBody = 1 << 20

// read decodes the JSON body of r into v. An empty one is as good as {}.
func read(r *http.Request, v any) error {
	err := json.NewDecoder(r.Body).Decode(v)
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return slipway.Errorf(slipway.TooLarge, "the body of %s is larger than %d KiB", r.URL.Path, maxBody>>10)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return slipway.Errorf(slipway.Invalid, "the body of %s cannot be read: %w", r.URL.Path, err)
	}
	return nil
}
