package server_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/server"
	"github.com/slipway-cd/slipway/internal/server/auth"
	"github.com/slipway-cd/slipway/internal/server/view"
	"github.com/slipway-cd/slipway/internal/state/store"
	"github.com/slipway-cd/slipway/internal/state/wake"
)

const image = slipway.Digest("sha256:5d1e5d1e5d1e5d1e5d1e5d1e5d1e5d1e5d1e5d1e5d1e5d1e5d1e5d1e5d1e5dc0")

// world is a server over a real store, with working fakes of those who build,
// deploy and run.
type world struct {
	t      *testing.T
	store  *store.Store
	server *server.Server
	hub    *wake.Hub
	auth   *auth.Auth
	url    string
	build  slipway.Build // of web, blocked before production
	admin  *api.Client
	viewer *api.Client
	token  string      // an administrator's
	job    *api.Client // runs in build, may deploy to test

	evidence *slipway.Evidence // by which candidates are judged

	mu       sync.Mutex
	log      string
	groups   []slipway.GroupStatus
	broken   error // of the driver
	deployed []server.Deploy
	marked   []slipway.JobID
	asked    []string // GET /api/v1/board
}

// requests are those that came so far.
func (w *world) requests() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.asked)
}

// fleet has one router.
type fleet struct{}

func (fleet) List(context.Context) ([]slipway.RouterState, error) {
	return []slipway.RouterState{{Router: slipway.Router{ID: "edge"}, Phase: slipway.RouterSilent}}, nil
}

func (fleet) Forget(context.Context, slipway.RouterID, slipway.Actor) error { return nil }

// attic keeps everything.
type attic struct{}

func (attic) Policy() slipway.Keep { return slipway.Keep{} }

func (attic) Collect(context.Context, slipway.Actor, bool) (slipway.Removal, error) {
	return slipway.Removal{}, nil
}

// vault keeps secrets without their values.
type vault struct{ *store.Store }

func (v vault) SetSecret(ctx context.Context, by slipway.Secret, _ []byte, events ...slipway.Event) (slipway.Secret, error) {
	return v.AddSecret(ctx, by, slipway.MaxSettings, func(int) ([]byte, error) { return []byte("sealed"), nil }, events...)
}

func (vault) Opens(slipway.Secret) error { return nil }

func (vault) RotateKey(context.Context) (string, int, string, error) { return "key", 0, "", nil }

func newWorld(t *testing.T, edit ...func(*view.Viewer)) *world {
	t.Helper()
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "slipway.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	w := &world{t: t, store: s, hub: wake.New(), auth: auth.NewAuth(s)}
	s.OnEvents = func([]slipway.Event) { w.hub.Wake("events") }
	shown := &view.Viewer{Store: s, Groups: w, Routes: w, Output: w, Jobs: w, URL: "http://slipway.test"}
	for _, e := range edit {
		e(shown)
	}
	w.server = server.New(server.Config{
		Auth: w.auth, Store: s, Builds: w, Deployer: w, Platform: w, Images: w, Waker: w.hub,
		Routers: fleet{}, Keeper: attic{}, Settings: s, Secrets: vault{s},
		View:     shown,
		Manifest: w.manifest, URL: "http://slipway.test", Version: "1.2.3", MaxStreams: 3,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	handler := w.server.Handler()
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.asked = append(w.asked, r.Method+" "+r.URL.Path)
		w.mu.Unlock()
		handler.ServeHTTP(rw, r)
	}))
	t.Cleanup(srv.Close)
	w.url = srv.URL
	w.admin = w.user("ada", slipway.Admin)
	w.token = auth.New(auth.UserPrefix)
	if err := s.AddToken(t.Context(), slipway.Token{Hash: auth.Hash(w.token), Principal: slipway.Principal{Role: slipway.Admin}, Kind: "user"}); err != nil {
		t.Fatal(err)
	}
	w.viewer = w.user("vic", slipway.Viewer)
	w.pushed()
	w.job = w.as(auth.JobPrefix, slipway.Principal{
		Actor:        slipway.Actor{Kind: slipway.ActorJob, Name: w.build.Slug() + " Test", For: "ada"},
		Environments: []slipway.EnvironmentName{"test"},
		Job:          &slipway.JobGrant{Build: w.build.ID, Job: "job-1", Attempt: 1, Repository: "web", Repositories: []slipway.RepositoryName{"web"}},
	})
	return w
}

func (w *world) user(name string, role slipway.Role, envs ...slipway.EnvironmentName) *api.Client {
	w.t.Helper()
	token, err := w.auth.AddUser(w.t.Context(), slipway.System, slipway.User{Name: name, Role: role, Environments: envs})
	if err != nil {
		w.t.Fatal(err)
	}
	return api.New(w.url, token)
}

func (w *world) as(prefix string, p slipway.Principal) *api.Client {
	w.t.Helper()
	token := auth.New(prefix)
	if err := w.store.AddToken(w.t.Context(), slipway.Token{Hash: auth.Hash(token), Principal: p, Kind: "test"}); err != nil {
		w.t.Fatal(err)
	}
	return api.New(w.url, token)
}

// pushed makes build web/1.
func (w *world) pushed() {
	w.t.Helper()
	ctx, now := w.t.Context(), time.Now()
	if err := w.store.CreateRepository(ctx, slipway.Repository{Name: "web", CreatedAt: now}); err != nil {
		w.t.Fatal(err)
	}
	ada := slipway.Actor{Kind: slipway.ActorUser, Name: "ada"}
	b := slipway.Build{
		ID: "build-1", State: slipway.BuildBlocked, CreatedAt: now,
		Push:   slipway.Push{Repository: "web", Ref: "refs/heads/master", Old: zeros, New: ones, Actor: ada},
		Commit: slipway.CommitInfo{Commit: ones, Message: "Cache the user lookup\n\nfor speed", AuthorName: "Mei"},
		Authority: slipway.Authority{Deploy: map[slipway.Queue][]slipway.EnvironmentName{
			"test": {"test"}, "production": {"prod"},
		}},
		Jobs: []slipway.Job{
			{ID: "job-1", State: slipway.JobPassed, Step: step("Test", "test"), Attempts: []slipway.Attempt{{
				Number: 1, AgentName: "test-1", State: slipway.AttemptFinished, StartedAt: now, FinishedAt: now.Add(time.Second),
			}}},
			{ID: "job-2", State: slipway.JobBlocked, Step: slipway.Step{Kind: slipway.StepBlock, Prompt: "Sure?"}},
			{ID: "job-3", State: slipway.JobWaiting, Step: step("Deploy", "production")},
		},
	}
	var err error
	w.build, _, err = w.store.RecordPush(ctx, b.Push, "master", &b, slipway.Event{At: now, Kind: slipway.BuildCreated, Actor: ada, Repository: "web", Text: "ada pushed"})
	if err != nil {
		w.t.Fatal(err)
	}
}

const (
	zeros = slipway.Commit("0000000000000000000000000000000000000000")
	ones  = slipway.Commit("1111111111111111111111111111111111111111")
)

func step(label string, queue slipway.Queue) slipway.Step {
	return slipway.Step{Kind: slipway.StepCommand, Label: label, Command: "true", Agents: map[string]string{"queue": string(queue)}}
}

func (w *world) manifest(_ slipway.Environments, path string, text []byte) (slipway.Manifest, error) {
	name, ok := strings.CutPrefix(string(text), "service: ")
	if !ok {
		return slipway.Manifest{}, slipway.Errorf(slipway.Invalid, "%s:1:1: no service", path)
	}
	return slipway.Manifest{Service: slipway.ServiceName(name), Kind: slipway.Web}, nil
}

func (w *world) Pin(_ context.Context, d slipway.Digest) (bool, error) { return d == image, nil }

func (w *world) Unblock(ctx context.Context, id slipway.BuildID, job slipway.JobID, p slipway.Principal) (slipway.Build, error) {
	return w.store.UpdateBuild(ctx, id, func(b *slipway.Build) ([]slipway.Event, error) {
		if !p.CanUnblock(w.Reaches(b, job)) {
			return nil, slipway.Errorf(slipway.Forbidden, "%s may not unblock", p.Actor.Name)
		}
		j := b.Job(job)
		j.State, j.Unblocked, b.State = slipway.JobPassed, &slipway.Unblock{By: p.Actor, At: time.Now()}, slipway.BuildRunning
		return []slipway.Event{{At: time.Now(), Kind: slipway.JobUnblocked, Actor: p.Actor, Build: b.Slug(), Text: "unblocked"}}, nil
	})
}

func (w *world) Cancel(ctx context.Context, id slipway.BuildID, p slipway.Principal) (slipway.Build, error) {
	if !p.CanPush() {
		return slipway.Build{}, slipway.Errorf(slipway.Forbidden, "no")
	}
	return w.store.UpdateBuild(ctx, id, func(b *slipway.Build) ([]slipway.Event, error) {
		b.State = slipway.BuildCanceled
		return nil, nil
	})
}

func (w *world) Reaches(*slipway.Build, slipway.JobID) []slipway.EnvironmentName {
	return []slipway.EnvironmentName{"prod"}
}

func (w *world) MarkDeployed(_ context.Context, g slipway.JobGrant) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.marked = append(w.marked, g.Job)
	return nil
}

func (w *world) LogSize(context.Context, slipway.JobID) (int64, error) { return 0, nil }

func (w *world) Log(_ context.Context, _ slipway.JobID, _ int, offset int64) ([]byte, int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	data := w.log[min(offset, int64(len(w.log))):]
	return []byte(data), offset + int64(len(data)), nil
}

func (w *world) Deploy(ctx context.Context, ask server.Deploy) (slipway.Deployment, error) {
	w.mu.Lock()
	w.deployed = append(w.deployed, ask)
	w.mu.Unlock()
	id := slipway.TargetID{Service: ask.Service, Environment: ask.Environment}
	t, err := w.store.EnsureTarget(ctx, slipway.Target{ID: id, Kind: slipway.Web, Want: 2}, func(taken []int) (int, error) { return 7100 + len(taken), nil })
	if err != nil {
		return slipway.Deployment{}, err
	}
	now := time.Now()
	d, _, err := w.store.CreateDeployment(ctx, slipway.Deployment{
		Target: id, Kind: ask.Kind, Release: ask.Release, Revision: slipway.RevisionID("r-" + now.String()), Phase: slipway.Pending,
		Stages: []slipway.Stage{{New: 1, ByReady: true}, {New: 2, ByReady: true}}, Actor: ask.Actor, Key: ask.Key, CreatedAt: now, Stable: t.Stable,
	}, slipway.Revision{ID: slipway.RevisionID("r-" + now.String()), Target: id, Release: ask.Release, Kind: slipway.Web, Rollout: slipway.Rollout{Strategy: slipway.Rolling, Evidence: w.evidence}, CreatedAt: now}, 2,
		slipway.Event{At: now, Kind: slipway.DeploymentAsked, Actor: ask.Actor, Target: id, Text: "asked"})
	return d, err
}

func (w *world) Abort(ctx context.Context, id slipway.DeploymentID, _ slipway.Actor) error {
	_, err := w.store.Deployment(ctx, id)
	return err
}

func (w *world) Promote(ctx context.Context, id slipway.DeploymentID, _ int, _ slipway.Actor, _ string) error {
	_, err := w.store.Deployment(ctx, id)
	return err
}

func (w *world) Foresee(_ context.Context, ask server.Deploy) (server.Foresight, error) {
	return server.Foresight{
		Deployment: slipway.Deployment{
			Target: slipway.TargetID{Service: ask.Service, Environment: ask.Environment}, Release: 14, From: 13, Want: 10,
			Why:      []slipway.Why{{Text: "canary"}},
			Verdicts: []slipway.GateVerdict{{Gate: "lock", Verdict: slipway.Verdict{State: slipway.GatePass, Why: "no lock"}}},
			Stages: []slipway.Stage{
				{New: 1, Old: 10, Preview: true},
				{New: 1, Old: 10, Weight: 1000, Leased: true, Hold: time.Minute},
				{New: 10, Old: 10, Weight: slipway.All}, {New: 10, Weight: slipway.All},
			},
		},
		Revision: slipway.Revision{Kind: slipway.Web, Rollout: slipway.Rollout{
			Strategy: slipway.Canary, Preview: &slipway.Preview{Command: "ci/bin/test", Queue: "test"},
		}},
	}, nil
}

func (w *world) Scale(ctx context.Context, t slipway.TargetID, _ int, _ slipway.Actor) error {
	_, err := w.store.Target(ctx, t)
	return err
}

func (w *world) Remove(ctx context.Context, t slipway.TargetID, _ slipway.Actor) error {
	_, err := w.store.Target(ctx, t)
	return err
}

func (w *world) List(context.Context) ([]slipway.GroupStatus, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.groups, w.broken
}

func (w *world) Observe(_ context.Context, t slipway.TargetID) ([]slipway.RouteStatus, error) {
	return []slipway.RouteStatus{{Router: "r1", Requests: 412, Errors: 1, InFlight: map[slipway.InstanceID]int{"i-1": 3}}}, nil
}

func (w *world) Logs(_ context.Context, t slipway.TargetID, i slipway.InstanceID, tail int, follow bool) (io.ReadCloser, error) {
	if i != "i-1" && i != "i-2" {
		return nil, slipway.Errorf(slipway.NotFound, "there is no instance %s", i)
	}
	return io.NopCloser(strings.NewReader("hello of " + string(i) + "\n\x1b]0;owned\x07dial tcp: refused")), nil
}

// serve makes deployment d serve, with instances as they are found.
func (w *world) serve(id slipway.TargetID, d slipway.DeploymentID, instances ...slipway.InstanceStatus) {
	w.t.Helper()
	ctx := w.t.Context()
	if _, err := w.store.Acquire(ctx, id, "me", time.Minute); err != nil {
		w.t.Fatal(err)
	}
	s, err := w.store.LoadState(ctx, id)
	if err != nil {
		w.t.Fatal(err)
	}
	s.Target.Stable, s.Target.Want = slipway.GroupOf(d), 2
	s.Deployment.Phase, s.Deployment.FinishedAt = slipway.Succeeded, time.Now()
	if _, err := w.store.CommitState(ctx, "me", s.Target.Fence, s); err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.groups = []slipway.GroupStatus{{ID: slipway.GroupOf(d), Target: id, Revision: s.Deployment.Revision, Instances: instances}}
}

func ready(id slipway.InstanceID) slipway.InstanceStatus {
	return slipway.InstanceStatus{ID: id, Phase: slipway.InstanceReady, EverReady: true, Since: time.Now(), ReadyIn: 180 * time.Millisecond, Addr: netip.MustParseAddrPort("127.0.0.1:4000")}
}

func codeOf(err error) string {
	if p, ok := errors.AsType[*api.Problem](err); ok {
		return p.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}
