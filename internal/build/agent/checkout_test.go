package agent

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestSubmodules(t *testing.T) {
	w := newWorld(t).start(t)
	words := w.repository(t, "words", map[string]string{"greeting": "good day\n"})
	scripts := w.repository(t, "build-scripts", map[string]string{
		"bin/test": "#!/bin/sh\ncat ci/words/greeting\n", "words": "submodule ../words.git " + words,
	})
	commit := w.repository(t, "service", map[string]string{"ci": "submodule ../build-scripts.git " + scripts})
	job := w.ended(w.add("service", commit, "ci/bin/test; git submodule status --recursive | cut -c 43-; grep -r slj_ . || echo no token"))
	if got := string(job.log); job.finished.ExitStatus != "0" || !strings.HasSuffix(got, "good day\nci (heads/master)\nci/words (heads/master)\nno token\n") {
		t.Errorf("log %s", got)
	}
}

func TestRefusedCheckouts(t *testing.T) {
	w := newWorld(t).start(t)
	w.repository(t, "secret", map[string]string{"key": "42"})
	zeros := strings.Repeat("0", 39) + "1"
	submodule := func(name, url string) string {
		return w.repository(t, name, map[string]string{"ci": "submodule " + url + " " + w.commit})
	}
	elsewhere := submodule("elsewhere", "https://example.org/x.git")
	local := submodule("local", "file:///etc")
	others := submodule("others", "../secret.git")
	for _, tc := range []struct{ name, repository, commit, env, want string }{
		{"a commit that is an option", "app", "--upload-pack=touch /tmp/x", "", `"--upload-pack=touch /tmp/x" is no commit`},
		{"a commit that is not there", "app", zeros, "", "git: "},
		{"a repository of others", "secret2", w.commit, "", "git: "},
		{"a path", "app", w.commit, "BUILDKITE_REPO=/etc", `"/etc" is not the URL of a repository`},
		{"a command", "app", w.commit, "BUILDKITE_REPO=ext::sh -c id", "is not the URL of a repository"},
		{"an option", "app", w.commit, "BUILDKITE_REPO=--upload-pack=id", "is not the URL of a repository"},
		{"a submodule of another host", "elsewhere", elsewhere, "", `"https://example.org/x.git", which is not on this server`},
		{"a submodule on the disk", "local", local, "", `"file:///etc", which is not on this server`},
		{"a submodule that the job may not fetch", "others", others, "", "git: "},
	} {
		env := []string{}
		if tc.env != "" {
			env = append(env, tc.env)
		}
		job := w.ended(w.add(tc.repository, tc.commit, "echo reached", env...))
		if job.finished.ExitStatus != "1" || !strings.Contains(string(job.log), "✗ ") || !strings.Contains(string(job.log), tc.want) || strings.Contains(string(job.log), "reached") {
			t.Errorf("%s: exit %s, log\n%s", tc.name, job.finished.ExitStatus, job.log)
		}
	}
}

func TestHostileNames(t *testing.T) {
	w := newWorld(t).start(t)
	const name = "x$(id>&2)`id`;id;"
	work := t.TempDir()
	git(t, work, "clone", "-q", filepath.Join(w.git, "app.git"), ".")
	git(t, work, "commit", "-q", "--allow-empty", "-m", "$(id)")
	git(t, work, "push", "-q", "origin", "HEAD:refs/heads/"+name)
	job := w.ended(w.add("app", git(t, work, "rev-parse", "HEAD"), `echo "on $BUILDKITE_BRANCH by $BUILDKITE_BUILD_AUTHOR"`,
		"BUILDKITE_BRANCH="+name, "BUILDKITE_BUILD_AUTHOR=\x1b[31m'\"; id #"))
	if got := string(job.log); !strings.HasSuffix(got, "\non "+name+" by \x1b[31m'\"; id #\n") || strings.Contains(got, "uid=") {
		t.Errorf("log %q", got)
	}
}

// A server that gives whole branches only, as old ones do, serves too.
func TestServerWithoutSingleCommits(t *testing.T) {
	w := newWorld(t).start(t)
	bare := filepath.Join(w.git, "app.git")
	git(t, bare, "config", "uploadpack.allowAnySHA1InWant", "false")
	git(t, bare, "config", "uploadpack.allowReachableSHA1InWant", "false")
	git(t, bare, "config", "protocol.version", "0")
	work := t.TempDir()
	git(t, work, "clone", "-q", bare, ".")
	for _, message := range []string{"second", "third"} {
		git(t, work, "commit", "-q", "--allow-empty", "-m", message)
	}
	git(t, work, "push", "-q", "origin", "HEAD:refs/heads/other", "HEAD:refs/heads/master")
	if out, err := exec.CommandContext(t.Context(), "git", "-C", bare, "rev-parse", "other~1").CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	job := w.ended(w.add("app", git(t, work, "rev-parse", "HEAD~1"), "git log -1 --format=%s"))
	if !strings.HasSuffix(string(job.log), "second\n") {
		t.Errorf("log %s", job.log)
	}
}

func TestCheckoutWhileTheServerStarts(t *testing.T) {
	w := newWorld(t).start(t)
	w.busy.Store(3)
	if job := w.ended(w.add("app", w.commit, "true")); job.finished.ExitStatus != "0" || w.busy.Load() >= 0 {
		t.Errorf("exit %s, log %s", job.finished.ExitStatus, job.log)
	}
}

func TestReadOnlyFoldersAreRemoved(t *testing.T) {
	w := newWorld(t).start(t)
	w.ended(w.add("app", w.commit, "mkdir -p mod/x; touch mod/x/y; chmod -R a-w mod"))
	w.ended(w.add("app", w.commit, "[ ! -e mod ]"))
	if _, err := os.Stat(w.agent.path("checkout")); err == nil {
		w.ended(w.add("app", w.commit, "true"))
	}
}

// What a step sets is for its command; the checkout has the job's credential.
func TestAStepsVariablesDoNotReachTheCheckout(t *testing.T) {
	w := newWorld(t).start(t)
	evil, mark := t.TempDir(), filepath.Join(t.TempDir(), "token")
	script := "#!/bin/sh\necho \"$SLIPWAY_GIT_TOKEN\" >> " + mark + "\nexit 1\n"
	for _, name := range []string{"git", "askpass", "hook.so"} {
		if err := os.WriteFile(filepath.Join(evil, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	job := w.ended(w.add("app", w.commit, "echo it runs; git 2>/dev/null || true; cat "+mark,
		"PATH="+evil+":"+os.Getenv("PATH"), "GIT_DIR=/nonexistent", "GIT_EXEC_PATH="+evil, "GIT_SSH_COMMAND="+evil+"/git", "GIT_ASKPASS="+evil+"/askpass",
		"GIT_PROXY_COMMAND="+evil+"/git", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=credential.helper", "GIT_CONFIG_VALUE_0=!"+evil+"/askpass",
		"http_proxy=http://127.0.0.1:1", "HTTP_PROXY=http://127.0.0.1:1", "GIT_TRACE="+mark, "GIT_TEMPLATE_DIR="+evil, "HOME="+evil, "XDG_CONFIG_HOME="+evil))
	// The command has them: its own git writes the mark, and finds no token.
	if got := string(job.log); job.finished.ExitStatus != "0" || !strings.HasSuffix(got, "\nit runs\n\n") {
		t.Errorf("exit %s, log %q", job.finished.ExitStatus, got)
	}
}

// The credential goes to the server alone, whoever else asks for one.
func TestTheCredentialStaysWithItsServer(t *testing.T) {
	w := newWorld(t).start(t)
	var heard []string
	var mu sync.Mutex
	thief := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		mu.Lock()
		heard = append(heard, r.Header.Get("Authorization"))
		mu.Unlock()
		rw.Header().Set("WWW-Authenticate", `Basic realm="give"`)
		rw.WriteHeader(http.StatusUnauthorized)
	}))
	defer thief.Close()
	job := w.ended(w.add("app", w.commit, "echo reached", "BUILDKITE_REPO="+thief.URL+"/git/app.git"))
	mu.Lock()
	defer mu.Unlock()
	if len(heard) == 0 || strings.Join(heard, "") != "" || job.finished.ExitStatus != "1" {
		t.Errorf("the thief heard %q; exit %s, log %s", heard, job.finished.ExitStatus, job.log)
	}
}

// Something that git started, such as a helper that caches credentials, may hold on to its
// output: what git has done is done.
func TestGitMayLeaveSomebodyBehind(t *testing.T) {
	w := newWorld(t)
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	lingering := filepath.Join(t.TempDir(), "git")
	script := "#!/bin/sh\nsleep 3 &\nexec " + git + " \"$@\"\n"
	if err := os.WriteFile(lingering, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Dir(lingering)+":"+os.Getenv("PATH"))
	w.start(t)
	if job := w.ended(w.add("app", w.commit, "true")); job.finished.ExitStatus != "0" {
		t.Errorf("exit %s, log %s", job.finished.ExitStatus, job.log)
	}
}
