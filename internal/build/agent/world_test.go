package agent

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// world is a server with a repository "app", and an agent.
type world struct {
	*fakeServer
	agent  *Agent
	commit string
	cancel context.CancelFunc
	over   chan error
}

func newWorld(t *testing.T, options ...func(*Agent)) *world {
	t.Helper()
	w := &world{fakeServer: newFakeServer(t), over: make(chan error, 1)}
	w.commit = w.repository(t, "app", map[string]string{"README": "hello\n"})
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w.agent, err = New(Config{
		Servers: []string{w.URL}, Token: queueToken, Queue: "test", Name: "test-1", Dir: t.TempDir(), Exe: exe,
		Env: []string{
			"PATH=" + os.Getenv("PATH"), "HOME=/home/mei", "LANG=C.UTF-8", "TMPDIR=" + t.TempDir(), "GOFLAGS=-mod=mod", "GOCACHE=/cache",
			"GOOGLE_APPLICATION_CREDENTIALS=/key", "AWS_SECRET_ACCESS_KEY=key", "LC_ALL=C", "GIT_DIR=/x", "SLIPWAY_TOKEN=slu_x",
		},
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.agent.lookEvery, w.agent.heartbeatEvery = 20*time.Millisecond, 50*time.Millisecond
	w.agent.grace, w.agent.lostGrace = 500*time.Millisecond, 200*time.Millisecond
	w.agent.overtime = time.Minute
	for _, o := range options {
		o(w.agent)
	}
	return w
}

// start runs the agent until the test ends.
func (w *world) start(t *testing.T) *world {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w.cancel = cancel
	done := make(chan struct{})
	go func() { defer close(done); w.over <- w.agent.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return w
}

// repository makes a bare repository with one commit of files; a file whose
// content begins with "submodule " is one, at the URL and commit that follow.
func (s *fakeServer) repository(t *testing.T, name string, files map[string]string) string {
	t.Helper()
	work, bare := t.TempDir(), filepath.Join(s.git, name+".git")
	git(t, work, "init", "-q", "-b", "master")
	var modules strings.Builder
	for file, text := range files {
		if at, ok := strings.CutPrefix(text, "submodule "); ok {
			url, commit, _ := strings.Cut(at, " ")
			modules.WriteString("[submodule \"" + file + "\"]\n\tpath = " + file + "\n\turl = " + url + "\n")
			git(t, work, "update-index", "--add", "--cacheinfo", "160000,"+commit+","+file)
			continue
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(work, file)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(work, file), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		git(t, work, "add", file)
	}
	if modules.Len() > 0 {
		if err := os.WriteFile(filepath.Join(work, ".gitmodules"), []byte(modules.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		git(t, work, "add", ".gitmodules")
	}
	git(t, work, "commit", "-q", "-m", "all")
	git(t, work, "init", "-q", "--bare", "-b", "master", bare)
	git(t, work, "push", "-q", bare, "HEAD:refs/heads/master")
	return git(t, work, "rev-parse", "HEAD")
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Mei", "GIT_AUTHOR_EMAIL=mei@example.org", "GIT_COMMITTER_NAME=Mei", "GIT_COMMITTER_EMAIL=mei@example.org")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// pids reads "pid N" lines of a log.
func pids(t *testing.T, log []byte) []int {
	t.Helper()
	var all []int
	for line := range strings.Lines(string(log)) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "pid "); ok {
			pid, err := strconv.Atoi(n)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, pid)
		}
	}
	return all
}

// gone waits a moment for a process to be dead.
func gone(t *testing.T, pid int) {
	t.Helper()
	for limit := time.Now().Add(30 * time.Second); time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
		if syscall.Kill(pid, 0) != nil {
			return
		}
		if stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat"); err == nil && strings.Contains(string(stat), ") Z ") {
			return
		}
	}
	t.Errorf("process %d still runs", pid)
	_ = syscall.Kill(pid, syscall.SIGKILL)
}
