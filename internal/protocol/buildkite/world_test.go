package buildkite_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/buildkite/agent/v3/api"
	"github.com/buildkite/agent/v3/logger"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/build/dispatch"
	"github.com/slipway-cd/slipway/internal/protocol/buildkite"
	"github.com/slipway-cd/slipway/internal/state/blob"
	"github.com/slipway-cd/slipway/internal/state/store"
	"github.com/slipway-cd/slipway/internal/state/wake"
)

// world is the handler on a real store, behind a real server.
type world struct {
	t        *testing.T
	url      string
	store    *store.Store
	dispatch *dispatch.Dispatch
	pushed   int
}

// repository has one pipeline at every commit.
type repository struct{ pipeline, message string }

func (r repository) CommitInfo(_ context.Context, _ slipway.RepositoryName, c slipway.Commit) (slipway.CommitInfo, error) {
	return slipway.CommitInfo{Commit: c, Message: r.message, AuthorName: "Mei", AuthorEmail: "mei@example.com"}, nil
}

func (r repository) File(_ context.Context, _ slipway.RepositoryName, _ slipway.Commit, path string) ([]byte, error) {
	if path != dispatch.Files[0] {
		return nil, slipway.Errorf(slipway.NotFound, "there is no file %s", path)
	}
	return []byte(r.pipeline), nil
}

func (repository) Submodules(context.Context, slipway.RepositoryName, slipway.Commit) ([]slipway.RepositoryName, error) {
	return nil, nil
}

// tokens looks principals up as the server does.
type tokens struct{ *store.Store }

func (t tokens) Authenticate(ctx context.Context, token string) (slipway.Principal, error) {
	return t.TokenPrincipal(ctx, hash(token))
}

func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

const registration = "sla_of_queue_test"

func newWorld(t *testing.T, r repository) *world {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(t.Context(), "sqlite:"+dir+"/slipway.db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	blobs, err := blob.Open(dir + "/blobs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = blobs.Close() })
	if err := s.CreateRepository(t.Context(), slipway.Repository{Name: "backend"}); err != nil {
		t.Fatal(err)
	}
	err = s.AddToken(t.Context(), slipway.Token{Hash: hash(registration), Kind: "agent", Principal: slipway.Principal{Queues: []slipway.Queue{"test"}}})
	if err != nil {
		t.Fatal(err)
	}
	d := dispatch.New(dispatch.Config{Store: s, Blobs: blobs, Source: r, Waker: wake.New()})
	w := &world{t: t, store: s, dispatch: d}
	server := httptest.NewUnstartedServer(nil)
	w.url = "http://" + server.Listener.Addr().String()
	server.Config.Handler = buildkite.New(buildkite.Config{URL: w.url, Auth: tokens{s}, Agents: d, Jobs: d, Log: slog.New(slog.DiscardHandler)})
	server.Start()
	t.Cleanup(server.Close)
	return w
}

func (w *world) push(ref string) slipway.Build {
	w.t.Helper()
	w.pushed++
	mei := slipway.Actor{Kind: slipway.ActorUser, Name: "mei"}
	p := slipway.Push{Repository: "backend", Ref: ref, Old: slipway.Commit(strings.Repeat("0", 40)), New: slipway.Commit(fmt.Sprintf("%040x", w.pushed)), Actor: mei}
	b, note, err := w.dispatch.Push(w.t.Context(), p)
	if err != nil || b == nil {
		w.t.Fatalf("no build: %s %v", note, err)
	}
	return *b
}

func (w *world) state(id slipway.BuildID) slipway.BuildState {
	w.t.Helper()
	b, err := w.store.Build(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return b.State
}

// client is the vendor's client with a token.
func (w *world) client(token string) *api.Client {
	return api.NewClient(logger.Discard, api.Config{Endpoint: w.url + "/agent/v3", Token: token})
}

// agent registers and connects an agent as a stock one does.
func (w *world) agent(name string) *api.Client {
	w.t.Helper()
	c := w.client(registration)
	r, _, err := c.Register(w.t.Context(), &api.AgentRegisterRequest{Name: name, Hostname: "here", Version: "3.136.0", Tags: []string{"queue=test"}})
	if err != nil {
		w.t.Fatal(err)
	}
	c = c.FromAgentRegisterResponse(r)
	if _, err := c.Connect(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return c
}

// take pings for a job and accepts it; the client that comes with it has the
// attempt's token.
func (w *world) take(c *api.Client) (*api.Job, *api.Client) {
	w.t.Helper()
	p, _, err := c.Ping(w.t.Context())
	if err != nil || p.Job == nil {
		w.t.Fatalf("no job: %+v %v", p, err)
	}
	j, _, err := c.AcceptJob(w.t.Context(), p.Job.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return j, w.client(j.Token)
}
