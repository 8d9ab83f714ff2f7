package dispatch_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/build/dispatch"
	"github.com/slipway-cd/slipway/internal/state/blob"
	"github.com/slipway-cd/slipway/internal/state/store"
	"github.com/slipway-cd/slipway/internal/state/wake"
)

// world is a Dispatch on a real store, with a repository whose files are given.
type world struct {
	*dispatch.Dispatch
	t      *testing.T
	store  *store.Store
	source source
	pushed int
}

// principal is who the token of an assignment is.
func (w *world) principal(a slipway.Assignment) slipway.Principal {
	w.t.Helper()
	sum := sha256.Sum256([]byte(a.Token))
	p, err := w.store.TokenPrincipal(w.t.Context(), hex.EncodeToString(sum[:]))
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// read has the board read the store, as Run does.
func (w *world) read() {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.t.Context())
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	time.Sleep(50 * time.Millisecond)
	stop()
	if err := <-done; err != nil {
		w.t.Fatal(err)
	}
}

// source serves the same files at every commit. A file named missing stands for
// a repository that has lost its commits.
type source map[string]string

func (s source) CommitInfo(_ context.Context, _ slipway.RepositoryName, c slipway.Commit) (slipway.CommitInfo, error) {
	if s["missing"] != "" {
		return slipway.CommitInfo{}, slipway.Errorf(slipway.NotFound, "the commit is gone")
	}
	return slipway.CommitInfo{Commit: c, Message: "Cache the user lookup\n\nIt was slow.", AuthorName: "Mei", AuthorEmail: "mei@example.com"}, nil
}

func (s source) File(_ context.Context, _ slipway.RepositoryName, c slipway.Commit, path string) ([]byte, error) {
	text, ok := s[path]
	if !ok {
		return nil, slipway.Errorf(slipway.NotFound, "there is no file %s at %s", path, c.Short())
	}
	return []byte(text), nil
}

func (s source) Submodules(context.Context, slipway.RepositoryName, slipway.Commit) ([]slipway.RepositoryName, error) {
	return []slipway.RepositoryName{"build-scripts"}, nil
}

var mei = slipway.Principal{Actor: slipway.Actor{Kind: slipway.ActorUser, Name: "mei"}, Role: slipway.Deployer}

func newWorld(t *testing.T, pipeline string) *world {
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
	w := &world{t: t, store: s, source: source{}}
	if pipeline != "" {
		w.source[dispatch.Files[0]] = pipeline
	}
	w.Dispatch = dispatch.New(dispatch.Config{Store: s, Blobs: blobs, Source: w.source, Waker: wake.New()})
	return w
}

// another is a second process on the same store: what a restart begins with.
func (w *world) another() *world {
	n := *w
	n.Dispatch = dispatch.New(w.Config)
	return &n
}

func (w *world) push(ref string) slipway.Build {
	w.t.Helper()
	b, note, err := w.Push(w.t.Context(), w.change(ref))
	if err != nil || b == nil {
		w.t.Fatalf("no build: %q %v", note, err)
	}
	return *b
}

func (w *world) change(ref string) slipway.Push {
	w.pushed++
	return slipway.Push{Repository: "backend", Ref: ref, Old: slipway.Commit(strings.Repeat("0", 40)), New: slipway.Commit(fmt.Sprintf("%040x", w.pushed)), Actor: mei.Actor}
}

func (w *world) agent(queue slipway.Queue) slipway.AgentID {
	w.t.Helper()
	by := slipway.Principal{Queues: []slipway.Queue{queue}}
	a, _, err := w.Register(w.t.Context(), by, slipway.Agent{Name: "agent-" + string(queue), Tags: map[string]string{"queue": string(queue)}})
	if err != nil {
		w.t.Fatal(err)
	}
	return a.ID
}

// take pings until there is a job and accepts it.
func (w *world) take(agent slipway.AgentID) slipway.Assignment {
	w.t.Helper()
	job, err := w.Ping(w.t.Context(), agent)
	if err != nil || job == "" {
		w.t.Fatalf("no job: %v", err)
	}
	a, err := w.Accept(w.t.Context(), agent, job)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w *world) run(agent slipway.AgentID) slipway.JobGrant {
	w.t.Helper()
	g := grant(w.take(agent))
	if err := w.Start(w.t.Context(), g); err != nil {
		w.t.Fatal(err)
	}
	return g
}

func grant(a slipway.Assignment) slipway.JobGrant {
	return slipway.JobGrant{Build: a.Build.ID, Job: a.Job.ID, Attempt: a.Attempt.Number}
}

func (w *world) finish(g slipway.JobGrant, status int) {
	w.t.Helper()
	if err := w.Finish(w.t.Context(), g, status, "", ""); err != nil {
		w.t.Fatal(err)
	}
}

// states is the build as it is stored: "running: passed ready".
func (w *world) states(id slipway.BuildID) string {
	w.t.Helper()
	b, err := w.store.Build(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	out := []string{string(b.State) + ":"}
	for _, j := range b.Jobs {
		out = append(out, string(j.State))
	}
	return strings.Join(out, " ")
}

func (w *world) want(id slipway.BuildID, states string) {
	w.t.Helper()
	if got := w.states(id); got != states {
		w.t.Fatalf("\ngot  %s\nwant %s", got, states)
	}
}

func wantCode(t *testing.T, err error, code slipway.Code, words string) {
	t.Helper()
	if slipway.CodeOf(err) != code || !strings.Contains(slipway.MessageOf(err), words) {
		t.Fatalf("got %q: %v\nwant %q: …%s…", slipway.CodeOf(err), err, code, words)
	}
}
