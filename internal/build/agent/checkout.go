package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/slipway-cd/slipway"
)

const (
	checkoutTimeout = 10 * time.Minute
	maxNesting      = 5 // of submodules
)

// gitConfig is the only configuration that git reads here. The credential is the
// job's token, from a variable that only git gets, and for the server alone.
const gitConfig = `[protocol]
	allow = never
[protocol "http"]
	allow = always
[protocol "https"]
	allow = always
[http]
	followRedirects = false
	lowSpeedLimit = 1000
	lowSpeedTime = 60
[credential]
	helper =
[core]
	hooksPath = /dev/null
	fsmonitor = false
[submodule]
	recurse = false
[fetch]
	recurseSubmodules = false
[gc]
	auto = 0
[advice]
	detachedHead = false
`

// gitServer is what it reads of the server that is spoken to.
const gitServer = `[credential "ORIGIN"]
	helper = "!f() { test \"$1\" = get && echo username=job && echo \"password=$SLIPWAY_GIT_TOKEN\"; }; f"
`

// configure writes git's configuration: what is on another server of the
// installation is fetched from the one that answers.
func (j *job) configure() error {
	now := j.servers.now()
	var config bytes.Buffer
	config.WriteString(gitConfig + strings.ReplaceAll(gitServer, "ORIGIN", now.Scheme+"://"+now.Host))
	for _, other := range j.servers.others() {
		fmt.Fprintf(&config, "[url %q]\n\tinsteadOf = %q\n", now.String()+"/", other+"/")
	}
	return os.WriteFile(j.path("job", "gitconfig"), config.Bytes(), 0o600)
}

// checkout puts the job's commit, with its submodules, into dir. Names of refs
// are in no command line: the commit is enough.
func (j *job) checkout(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, checkoutTimeout)
	defer cancel()
	commit, repository := slipway.Commit(j.spec.Env["BUILDKITE_COMMIT"]), j.spec.Env["BUILDKITE_REPO"]
	if !commit.Valid() {
		return slipway.Errorf(slipway.Invalid, "%q is no commit", commit)
	}
	if u, err := url.Parse(repository); err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
		return slipway.Errorf(slipway.Invalid, "%q is not the URL of a repository", repository)
	}
	if err := removeAll(dir); err != nil {
		return err
	}
	format := "sha1"
	if len(commit) == 64 {
		format = "sha256"
	}
	for _, args := range [][]string{
		{"init", "-q", "--template=", "--object-format=" + format, "--", dir},
		{"-C", dir, "remote", "add", "--", "origin", repository},
	} {
		if _, err := j.git(ctx, args...); err != nil {
			return err
		}
	}
	if err := j.fetch(ctx, dir, commit); err != nil {
		return err
	}
	if _, err := j.git(ctx, "-C", dir, "checkout", "-q", "--force", "--detach", string(commit)); err != nil {
		return err
	}
	return j.submodules(ctx, dir, 1)
}

// unreachable is what git says when a server is starting anew, rather than
// refusing.
var unreachable = regexp.MustCompile(`(?i)failed to connect|connection (refused|reset)|resolve host|empty reply|recv failure|timed out|early eof|error: 5[0-9][0-9]`)

// fetch gets one commit; from a server that does not give single ones, all of
// history. It tries again while the server is away, which ends with the lease.
func (j *job) fetch(ctx context.Context, dir string, commit slipway.Commit) error {
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		_, err := j.git(ctx, "-C", dir, "fetch", "-q", "--no-tags", "--depth=1", "--", "origin", string(commit))
		if err != nil && !unreachable.MatchString(err.Error()) {
			_, err = j.git(ctx, "-C", dir, "fetch", "-q", "--no-tags", "--", "origin",
				"+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
		}
		if err == nil || ctx.Err() != nil || !unreachable.MatchString(err.Error()) {
			return err
		}
		pause(ctx, wait)
	}
}

// submodules gets the submodules of the checkout in dir, which must come from
// the server itself, and theirs.
func (j *job) submodules(ctx context.Context, dir string, nesting int) error {
	if info, err := os.Lstat(filepath.Join(dir, ".gitmodules")); err != nil || !info.Mode().IsRegular() {
		return nil //nolint:nilerr // no submodules
	}
	if nesting > maxNesting {
		return slipway.Errorf(slipway.Invalid, "submodules are nested more than %d deep", maxNesting)
	}
	if _, err := j.git(ctx, "-C", dir, "submodule", "-q", "init"); err != nil {
		return err
	}
	urls, err := j.git(ctx, "-C", dir, "config", "-z", "--get-regexp", `^submodule\..*\.url$`)
	if err != nil {
		return nil //nolint:nilerr // .gitmodules names none
	}
	for entry := range strings.SplitSeq(strings.TrimSuffix(urls, "\x00"), "\x00") {
		key, at, _ := strings.Cut(entry, "\n")
		if u, err := url.Parse(at); err != nil || !j.servers.has(u) || u.User != nil {
			return slipway.Errorf(slipway.Forbidden, "%s is %q, which is not on this server", key, at).
				Do("Give the submodule a relative URL, such as ../build-scripts.git, and push it to this server.")
		}
	}
	if _, err := j.git(ctx, "-C", dir, "submodule", "-q", "update", "--checkout", "--depth=1"); err != nil {
		if _, err := j.git(ctx, "-C", dir, "submodule", "-q", "update", "--checkout"); err != nil {
			return err
		}
	}
	entries, err := j.git(ctx, "-C", dir, "ls-files", "-z", "--stage")
	if err != nil {
		return err
	}
	for entry := range strings.SplitSeq(entries, "\x00") {
		mode, path, _ := strings.Cut(entry, "\t")
		if strings.HasPrefix(mode, "160000 ") && filepath.IsLocal(path) {
			if err := j.submodules(ctx, filepath.Join(dir, path), nesting+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// git runs git and returns its output. Its error is what git says.
func (j *job) git(ctx context.Context, args ...string) (string, error) {
	if err := j.configure(); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "git", args...)
	env := inherit(j.Env)
	env["HOME"], env["LC_ALL"] = j.path("job"), "C"
	env["GIT_CONFIG_NOSYSTEM"], env["GIT_CONFIG_GLOBAL"] = "1", j.path("job", "gitconfig")
	env["GIT_TERMINAL_PROMPT"], env["GIT_ASKPASS"], env["GIT_SSH_COMMAND"] = "0", "false", "false"
	env["SLIPWAY_GIT_TOKEN"] = j.spec.Token
	cmd.Env = list(env)
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // git has done what it should; what it started holds on to its output
	}
	if err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return "", slipway.Errorf(slipway.Unavailable, "git is not installed on this agent")
		}
		said := bytes.TrimSpace(problem.Bytes())
		if len(said) == 0 {
			said = []byte(err.Error())
		}
		return "", &slipway.Error{Code: slipway.Unavailable, Message: "git: " + string(said[max(len(said)-4096, 0):]), Err: err}
	}
	return out.String(), nil
}
