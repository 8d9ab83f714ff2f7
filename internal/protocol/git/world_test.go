package git_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/protocol/git"
	"github.com/slipway-cd/slipway/internal/state/wake"
)

// TestMain lets the test binary stand in for slipway when git runs its hook.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "git-hook" {
		if err := git.RunHook(context.Background(), os.Stdin, os.Stdout, os.Getenv); err != nil {
			_, _ = fmt.Fprintln(os.Stdout, err)
		}
		return
	}
	os.Exit(m.Run())
}

// world is a git server over working fakes of the store and of dispatch: a push
// of a branch or a tag makes a build, and the test moves the build along.
type world struct {
	*wake.Hub
	t   *testing.T
	git *git.Server
	url string
	dir string

	mu           sync.Mutex
	principals   map[string]slipway.Principal
	repositories map[slipway.RepositoryName]slipway.Repository
	recorded     map[slipway.RepositoryName]map[string]slipway.Commit
	builds       []slipway.Build
	pushes       []slipway.Push
	script       func(*slipway.Build) // what a new build is
	refuse       error
	unrecorded   bool // what is refused is not recorded, either
}

var (
	mei  = slipway.Principal{Actor: slipway.Actor{Kind: slipway.ActorUser, Name: "Mei"}, Role: slipway.Deployer}
	eve  = slipway.Principal{Actor: slipway.Actor{Kind: slipway.ActorUser, Name: "Eve"}, Role: slipway.Viewer}
	job1 = slipway.Principal{
		Actor: slipway.Actor{Kind: slipway.ActorJob, Name: "web/1 Test"},
		Job:   &slipway.JobGrant{Repository: "web", Repositories: []slipway.RepositoryName{"web", "build-scripts"}},
	}
)

func newWorld(t *testing.T) *world {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		Hub: wake.New(), t: t, dir: t.TempDir(),
		principals:   map[string]slipway.Principal{"mei": mei, "eve": eve, "job": job1},
		repositories: map[slipway.RepositoryName]slipway.Repository{},
		recorded:     map[slipway.RepositoryName]map[string]slipway.Commit{},
		script:       func(b *slipway.Build) { b.State = slipway.BuildPassed },
	}
	w.git, err = git.New(git.Config{
		Dir: w.dir, Program: program, URL: "http://slipway.test",
		Auth: w, Store: w, Builds: w, Waker: w, Story: w,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(w.git.Handler())
	t.Cleanup(srv.Close)
	w.url = srv.URL
	return w
}

func (w *world) Authenticate(_ context.Context, token string) (slipway.Principal, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p, ok := w.principals[token]; ok {
		return p, nil
	}
	return slipway.Principal{}, slipway.Errorf(slipway.Unauthenticated, "who are you?")
}

func (w *world) CreateRepository(_ context.Context, r slipway.Repository, _ ...slipway.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.repositories[r.Name] = r
	return nil
}

func (w *world) Repository(_ context.Context, n slipway.RepositoryName) (slipway.Repository, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r, ok := w.repositories[n]; ok {
		return r, nil
	}
	return slipway.Repository{}, slipway.Errorf(slipway.NotFound, "no repository %s", n)
}

func (w *world) Repositories(context.Context) (all []slipway.Repository, _ error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for r := range maps.Values(w.repositories) {
		all = append(all, r)
	}
	return all, nil
}

func (w *world) Refs(_ context.Context, n slipway.RepositoryName) (map[string]slipway.Commit, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.recorded[n]), nil
}

func (w *world) Outcome(_ context.Context, _ slipway.Build, j slipway.Job) string {
	return "outcome of " + j.Step.Label
}

func (w *world) Tail(context.Context, slipway.Build, slipway.Job, int) []string {
	return []string{"the last \x1b[31mline"}
}

func (d *world) Push(ctx context.Context, p slipway.Push) (*slipway.Build, string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.builds {
		if b := d.builds[i]; b.Push.Repository == p.Repository && b.Push.Ref == p.Ref && b.Push.Old == p.Old && b.Push.New == p.New {
			return &b, "", nil
		}
	}
	d.pushes = append(d.pushes, p)
	if d.unrecorded {
		return nil, "", d.refuse
	}
	if d.recorded[p.Repository] == nil {
		d.recorded[p.Repository] = map[string]slipway.Commit{}
	}
	d.recorded[p.Repository][p.Ref] = p.New
	if d.refuse != nil || p.IsDelete() {
		return nil, "", d.refuse
	}
	info, err := d.git.CommitInfo(ctx, p.Repository, p.New)
	if err != nil {
		return nil, "", err
	}
	if strings.Contains(info.Message, "no pipeline") {
		return nil, "there is no .buildkite/pipeline.yml", nil
	}
	n := len(d.builds) + 1
	b := slipway.Build{ID: slipway.BuildID(fmt.Sprint("b", n)), Number: n, Push: p, Commit: info, State: slipway.BuildRunning, CreatedAt: time.Now()}
	d.script(&b)
	d.builds = append(d.builds, b)
	return &b, "", nil
}

func (d *world) Build(_ context.Context, id slipway.BuildID) (slipway.Build, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, b := range d.builds {
		if b.ID == id {
			b.Jobs = append([]slipway.Job(nil), b.Jobs...)
			return b, nil
		}
	}
	return slipway.Build{}, slipway.Errorf(slipway.NotFound, "no build")
}

// change moves build n along and wakes those who watch.
func (w *world) change(n int, fn func(*slipway.Build)) {
	w.mu.Lock()
	b := &w.builds[n-1]
	fn(b)
	topic := "build/" + b.Slug()
	w.mu.Unlock()
	w.Wake(topic)
}

// clone is a working copy with one commit, whose remote is NAME as token.
func (w *world) clone(token, name string) *clone {
	w.t.Helper()
	c := &clone{w.t, w.t.TempDir()}
	c.must("init", "-q", "-b", "master", ".")
	c.must("remote", "add", "slipway", strings.Replace(w.url, "://", "://x:"+token+"@", 1)+"/git/"+name+".git")
	c.commit("first")
	return c
}

// clone is somebody's checkout, with an ordinary git.
type clone struct {
	t   *testing.T
	dir string
}

func (c *clone) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(c.t.Context(), "git", args...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Mei", "GIT_AUTHOR_EMAIL=mei@example.com", "GIT_COMMITTER_NAME=Mei", "GIT_COMMITTER_EMAIL=mei@example.com")
	return cmd
}

func (c *clone) git(args ...string) (string, error) {
	out, err := c.command(args...).CombinedOutput()
	return clean(string(out)), err
}

func (c *clone) must(args ...string) string {
	c.t.Helper()
	out, err := c.git(args...)
	if err != nil {
		c.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// pushing begins a push, of which the test reads what the pusher does.
func (c *clone) pushing() (*exec.Cmd, *bufio.Scanner) {
	c.t.Helper()
	push := c.command("push", "slipway", "master")
	stderr, err := push.StderrPipe()
	if err == nil {
		err = push.Start()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return push, bufio.NewScanner(stderr)
}

func (c *clone) write(name, content string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte(content), 0o600); err != nil {
		c.t.Fatal(err)
	}
	c.must("add", "-A")
}

func (c *clone) commit(message string) {
	c.t.Helper()
	c.must("commit", "-q", "--allow-empty", "-m", message)
}

// clean removes what git adds to remote lines for terminals.
func clean(s string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.ReplaceAll(s, "\x1b[K", "")) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return b.String()
}

func mustRequest(t *testing.T, method, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
