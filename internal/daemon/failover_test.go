package daemon

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/build/agent"
	"github.com/slipway-cd/slipway/internal/build/dispatch"
	"github.com/slipway-cd/slipway/internal/protocol/buildkite"
	"github.com/slipway-cd/slipway/internal/protocol/git"
	"github.com/slipway-cd/slipway/internal/server/auth"
	"github.com/slipway-cd/slipway/internal/state/blob"
	"github.com/slipway-cd/slipway/internal/state/store"
	"github.com/slipway-cd/slipway/internal/state/store/storetest"
	"github.com/slipway-cd/slipway/internal/state/wake"
)

const (
	peerDatabase = "SLIPWAY_TEST_PEER_DATABASE"
	peerData     = "SLIPWAY_TEST_PEER_DATA"
)

// builds are the parts of a server that jobs need, on a database and a data
// directory that others share.
type builds struct {
	store    *store.Store
	hub      *wake.Hub
	auth     *auth.Auth
	git      *git.Server
	dispatch *dispatch.Dispatch
}

func openBuilds(ctx context.Context, database, dir, url string) (*builds, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	b := &builds{hub: wake.New()}
	if b.store, err = store.Open(ctx, database); err != nil {
		return nil, err
	}
	b.store.OnEvents = (&parts{hub: b.hub}).heard
	blobs, err := blob.Open(Data{dir}.blobs())
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.DiscardHandler)
	b.auth = auth.NewAuth(b.store)
	if b.git, err = git.New(git.Config{Dir: dir, Program: exe, URL: url, Auth: b.auth, Store: b.store, Waker: b.hub, Log: log}); err != nil {
		return nil, err
	}
	b.dispatch = dispatch.New(dispatch.Config{Store: b.store, Blobs: blobs, Source: b.git, Waker: b.hub, Queues: []slipway.Queue{"test"}})
	b.git.Builds = b.dispatch
	return b, nil
}

// servePeer is a process that may be killed; it says where it listens.
func servePeer(database, dir string) error {
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); os.Exit(1) }()
	ctx := context.Background()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	url := "http://" + l.Addr().String()
	b, err := openBuilds(ctx, database, dir, url)
	if err != nil {
		return err
	}
	go func() { _ = b.hub.Join(ctx, b.store.Line(slog.New(slog.DiscardHandler))) }()
	go func() { _ = b.dispatch.Run(ctx) }()
	go func() { _ = b.git.Watch(ctx) }()
	mux := http.NewServeMux()
	mux.Handle("/git/", b.git.Handler())
	mux.Handle("/agent/v3/", buildkite.New(buildkite.Config{URL: url, Auth: b.auth, Agents: b.dispatch, Jobs: b.dispatch, Log: slog.New(slog.DiscardHandler)}))
	_, _ = os.Stdout.WriteString(url + "\n")
	return http.Serve(l, mux) //nolint:gosec // a test's
}

// startPeer starts a server as a process of its own, until the test ends.
func startPeer(t *testing.T, database, dir string) (url string, process *os.Process) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), peerDatabase+"="+database, peerData+"="+dir)
	cmd.Stderr = t.Output()
	if _, err := cmd.StdinPipe(); err != nil { // it ends with the test, however that ends
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	url, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal("the server says nothing: ", err)
	}
	return strings.TrimSpace(url), cmd.Process
}

// TestAnAgentOutlivesItsServer: while a job runs the server that gave it ends, or
// hangs. The job ends through another one, once, and with all of its log; and so
// does the next.
func TestAnAgentOutlivesItsServer(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"killed": syscall.SIGKILL, "hangs": syscall.SIGSTOP} {
		t.Run(name, func(t *testing.T) { t.Parallel(); outlives(t, signal) })
	}
}

func outlives(t *testing.T, signal syscall.Signal) {
	database, dir := storetest.Postgres(t), t.TempDir()
	here, err := openBuilds(t.Context(), database, dir, "http://127.0.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = here.store.Close() }()
	goes, effects := filepath.Join(t.TempDir(), "go"), filepath.Join(t.TempDir(), "effects")
	commit := pushPipeline(t, here, dir, fmt.Sprintf(
		"- command: echo begun; until [ -e %s ]; do echo tick; sleep 0.1; done; echo effect >> %s; echo ended\n  agents: {queue: test}\n", goes, effects))
	first, process := startPeer(t, database, dir)
	second, _ := startPeer(t, database, dir)
	token, err := here.auth.AddAgentToken(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	runAgentOn(t, token, first, second)

	b, note, err := here.dispatch.Push(t.Context(), commit)
	if err != nil || b == nil {
		t.Fatal(note, err)
	}
	log := func() string {
		data, _, err := here.dispatch.Log(t.Context(), b.Jobs[0].ID, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	soonIs(t, "the job runs", func() bool { return strings.Contains(log(), "begun\ntick") })
	if err := process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	began, before := time.Now(), log()
	soonIs(t, "its log goes on through the other server", func() bool { return len(log()) > len(before) })
	t.Logf("the log went on after %s", time.Since(began))
	if err := os.WriteFile(goes, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ended := func(id slipway.BuildID) slipway.Build {
		var now slipway.Build
		soonIs(t, "the build ends", func() bool {
			if now, err = here.store.Build(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			return now.State.Ended()
		})
		return now
	}
	if b := ended(b.ID); b.State != slipway.BuildPassed || len(b.Jobs[0].Attempts) != 1 {
		t.Errorf("the build has %s, with attempts %+v", b.State, b.Jobs[0].Attempts)
	}
	if did, err := os.ReadFile(effects); string(did) != "effect\n" {
		t.Errorf("the job did %q: %v", did, err)
	}
	_, ticks, _ := strings.Cut(log(), "\nbegun\n")
	ticks, whole := strings.CutSuffix(ticks, "ended\n")
	if !whole || ticks == "" || strings.ReplaceAll(ticks, "tick\n", "") != "" {
		t.Errorf("the log is not whole:\n%s", log())
	}

	commit.Old, commit.Ref = commit.New, "refs/heads/next"
	next, note, err := here.dispatch.Push(t.Context(), commit)
	if err != nil || next == nil {
		t.Fatal(note, err)
	}
	if b := ended(next.ID); b.State != slipway.BuildPassed {
		t.Errorf("the next build has %s", b.State)
	}
	agents, err := here.store.Agents(t.Context())
	if err != nil || len(agents) != 1 || agents[0].State != slipway.AgentConnected {
		t.Errorf("the agents are %+v: %v", agents, err)
	}
}

// pushPipeline makes a repository with one commit that has a pipeline.
func pushPipeline(t *testing.T, b *builds, dir, pipeline string) slipway.Push {
	t.Helper()
	work, bare := t.TempDir(), filepath.Join(dir, "repositories", "backend.git")
	if err := os.MkdirAll(filepath.Join(work, ".slipway"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(work, ".slipway", "pipeline.yml"), []byte(pipeline), 0o600); err != nil {
		t.Fatal(err)
	}
	var out []byte
	for _, args := range [][]string{
		{"init", "-q", "-b", "master"}, {"add", "."}, {"commit", "-q", "-m", "all"}, {"init", "-q", "--bare", "-b", "master", bare},
		{"push", "-q", bare, "HEAD:refs/heads/master"}, {"rev-parse", "HEAD"},
	} {
		cmd := exec.Command("git", args...)
		cmd.Dir = work
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
			"GIT_AUTHOR_NAME=Mei", "GIT_AUTHOR_EMAIL=mei@example.org", "GIT_COMMITTER_NAME=Mei", "GIT_COMMITTER_EMAIL=mei@example.org")
		var err error
		if out, err = cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	if err := b.store.CreateRepository(t.Context(), slipway.Repository{Name: "backend"}); err != nil {
		t.Fatal(err)
	}
	return slipway.Push{
		Repository: "backend", Ref: "refs/heads/master", Old: slipway.Commit(strings.Repeat("0", 40)), New: slipway.Commit(strings.TrimSpace(string(out))),
		Actor: slipway.Actor{Kind: slipway.ActorUser, Name: "mei"},
	}
}

// runAgentOn runs an agent until the test ends.
func runAgentOn(t *testing.T, token string, servers ...string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	a, err := agent.New(agent.Config{
		Servers: servers, Token: token, Queue: "test", Name: "builder", Dir: t.TempDir(), Exe: exe, Env: os.Environ(),
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := a.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
}

func soonIs(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for limit := time.Now().Add(30 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("never: %s", what)
		}
	}
}

// slowHook is the hook of a push whose server is dead before it is told. It ends
// with that server.
func slowHook() {
	u, err := url.Parse(os.Getenv("SLIPWAY_HOOK_URL"))
	for err == nil {
		var c net.Conn
		if c, err = net.Dial("tcp", u.Host); err == nil {
			_ = c.Close()
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestAPushOutlivesItsServer: a server is killed when it has taken what was
// pushed and was not told so yet. Another one builds it, in the name of who
// pushed, and with no more than that one may.
func TestAPushOutlivesItsServer(t *testing.T) {
	database, dir := storetest.Postgres(t), t.TempDir()
	here, err := openBuilds(t.Context(), database, dir, "http://127.0.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = here.store.Close() }()
	first, process := startPeer(t, database, dir)
	startPeer(t, database, dir)
	token, err := here.auth.AddUser(t.Context(), slipway.System, slipway.User{Name: "mei", Role: slipway.Deployer, Environments: []slipway.EnvironmentName{"test"}})
	if err != nil {
		t.Fatal(err)
	}
	commit := pushPipeline(t, here, dir, "- command: a\n  agents: {queue: test}\n")
	bare := filepath.Join(dir, "repositories", "backend.git")
	push := exec.Command("git", "-c", "http.extraHeader=Authorization: Bearer "+token, "push", first+"/git/other.git", "refs/heads/master:refs/heads/master")
	push.Dir = bare
	push.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0")
	pushed := make(chan []byte)
	go func() { out, _ := push.CombinedOutput(); pushed <- out }()
	soonIs(t, "the ref has changed", func() bool {
		at, err := os.ReadFile(filepath.Join(dir, "repositories", "other.git", "refs", "heads", "master"))
		return err == nil && strings.TrimSpace(string(at)) == string(commit.New)
	})
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	var found []slipway.Build
	soonIs(t, "what was pushed is built", func() bool {
		if found, err = here.store.Builds(t.Context(), "other", 10); err != nil {
			t.Fatal(err)
		}
		return len(found) > 0
	})
	t.Logf("it is built %s after its server died", time.Since(began))
	if p := found[0].Push; p.Actor.Name != "mei" || len(p.Environments) != 1 || p.New != commit.New {
		t.Errorf("the push is %+v", p)
	}
	t.Logf("git says: %s", <-pushed)
}
