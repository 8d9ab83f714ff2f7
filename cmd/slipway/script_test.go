package main_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/slipway-cd/slipway/examples"
)

// bin holds what the scripts type: slipway, and the service that they deploy.
var bin string

func TestMain(m *testing.M) {
	os.Exit(withBinary(m))
}

func withBinary(m *testing.M) int {
	dir, err := os.MkdirTemp("", "slipway-bin-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin = dir
	for name, source := range map[string]string{"slipway": ".", "beacon": "./testdata/beacon"} {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, name), source)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			_, _ = os.Stderr.Write(out)
			return 1
		}
	}
	return m.Run()
}

// TestScripts runs every script of testdata as a user would type it, each with a
// home, a data directory and ports of its own.
func TestScripts(t *testing.T) {
	var folder atomic.Value // of all scripts: it is left behind when not all of them run
	t.Cleanup(func() {
		if dir, ok := folder.Load().(string); ok {
			_ = os.Remove(dir)
		}
	})
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			folder.Store(filepath.Dir(env.WorkDir))
			return setup(env)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"example": example,
			"until":   until,
			"curl":    curl,
			"fails":   fails,
			"tmpfs":   tmpfs,
		},
		Condition: condition,
	})
}

// condition knows [root], [mount] (may we mount), and [want:PROGRAM] for what
// dev/setup installs. In CI nothing may be missing.
func condition(cond string) (bool, error) {
	program, want := strings.CutPrefix(cond, "want:")
	var err error
	switch {
	case cond == "root":
		return os.Geteuid() == 0, nil
	case cond == "mount":
		err = exec.Command("unshare", "--mount", "mount", "-t", "tmpfs", "slipway", os.TempDir()).Run()
	case want:
		_, err = exec.LookPath(program)
	default:
		return false, fmt.Errorf("there is no condition %q", cond)
	}
	if err != nil && os.Getenv("CI") == "true" {
		return false, fmt.Errorf("%s: %w: run dev/setup, as root", cond, err)
	}
	return err == nil, nil
}

// setup gives a script its world: slipway on the PATH, git with an author, the
// Go caches of this machine (a cold build of the standard library takes a
// minute), and free ports.
func setup(env *testscript.Env) error {
	home := filepath.Join(env.WorkDir, "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	config := "[user]\n\tname = Mei\n\temail = mei@example.com\n[init]\n\tdefaultBranch = master\n[advice]\n\tdetachedHead = false\n"
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(config), 0o600); err != nil {
		return err
	}
	port, err := freePorts()
	if err != nil {
		return err
	}
	env.Setenv("HOME", home)
	env.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	env.Setenv("PORT", strconv.Itoa(port))
	env.Setenv("ROUTE", strconv.Itoa(port+1))
	env.Setenv("ROUTE2", strconv.Itoa(port+2))
	env.Setenv("ROUTE3", strconv.Itoa(port+3))
	env.Setenv("UP", fmt.Sprintf("--listen=127.0.0.1:%d", port))
	env.Setenv("ROUTES", fmt.Sprintf("--route-port=%d", port+1))
	env.Setenv("XDG_RUNTIME_DIR", "")
	for _, key := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOFLAGS", "GOTOOLCHAIN"} {
		out, err := exec.Command("go", "env", key).Output()
		if err != nil {
			return err
		}
		env.Setenv(key, strings.TrimSpace(string(out)))
	}
	env.Defer(func() { down(env) })
	return nil
}

// down ends whatever a script left running, so that a failed one does not stay.
func down(env *testscript.Env) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "slipway"), "down")
	cmd.Env = env.Vars
	_ = cmd.Run()
}

// freePorts finds a port with three free ones after it, below those that instances get
// and that connections come from. No test is given one that another was; other packages
// have others.
func freePorts() (int, error) {
	const low, block = 16_000, 4
	for range 200 {
		port := low + int(taken.Add(1)%blocks)*block
		if free(port) && free(port+1) && free(port+2) && free(port+3) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no four free ports in a row")
}

const blocks = 500

// taken begins anywhere, for other trees may be tested at the same time.
var taken = func() *atomic.Uint32 {
	n := new(atomic.Uint32)
	n.Store(rand.Uint32N(blocks))
	return n
}()

func free(port int) bool {
	l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
	if err == nil {
		_ = l.Close()
	}
	return err == nil
}

// example makes a git repository of one of the example's folders, with one
// commit: example NAME DIR. The services look for their submodule beside them.
func example(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: example NAME DIR")
	}
	name, dir := args[0], ts.MkAbs(args[1])
	ts.Check(examples.Copy(name, dir))
	git := func(args ...string) { ts.Check(ts.Exec("git", append([]string{"-C", dir}, args...)...)) }
	git("init", "-q")
	if name != examples.Scripts {
		git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../"+examples.Scripts+".git", "ci")
	}
	git("add", "--all")
	git("commit", "-qm", "Begin "+name)
}

// until runs a command until it succeeds and its output holds a text:
// until SECONDS TEXT COMMAND [ARG …]
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: until SECONDS TEXT COMMAND …")
	}
	seconds, err := strconv.Atoi(args[0])
	ts.Check(err)
	var last string
	for end := time.Now().Add(time.Duration(seconds) * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		err := ts.Exec(args[2], args[3:]...)
		last = ts.ReadFile("stdout") + ts.ReadFile("stderr")
		if err == nil && strings.Contains(last, args[1]) {
			return
		}
	}
	ts.Fatalf("no %q within %d s; the last answer:\n%s", args[1], seconds, last)
}

// curl asks a URL once; any answer of 400 or more is a failure.
func curl(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: curl [OPTION …] URL")
	}
	err := ts.Exec("curl", append([]string{"-sS", "--max-time", "5", "--fail-with-body"}, args...)...)
	if (err == nil) == neg {
		ts.Fatalf("curl %s: %v", strings.Join(args, " "), err)
	}
}

// fails runs a command that must end with an exit code, print nothing, and say
// exactly what is wrong: fails CODE 'LINE | LINE …' COMMAND [ARG …]
func fails(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: fails CODE 'LINE | LINE …' COMMAND …")
	}
	code, err := strconv.Atoi(args[0])
	ts.Check(err)
	want := strings.ReplaceAll(args[1], " | ", "\n") + "\n"
	err = ts.Exec(args[2], args[3:]...)
	exit, _ := errors.AsType[*exec.ExitError](err)
	switch words := ts.ReadFile("stderr"); {
	case exit == nil || exit.ExitCode() != code:
		ts.Fatalf("it ended with %v, not with %d:\n%s", err, code, words)
	case words != want:
		ts.Fatalf("it said\n%s\nand not\n%s", words, want)
	case ts.ReadFile("stdout") != "":
		ts.Fatalf("it printed\n%s", ts.ReadFile("stdout"))
	}
}

// tmpfs puts a small disk under a directory until the script ends: tmpfs SIZE DIR
func tmpfs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: tmpfs SIZE DIR")
	}
	dir := ts.MkAbs(args[1])
	ts.Check(os.MkdirAll(dir, 0o700))
	ts.Check(ts.Exec("mount", "-t", "tmpfs", "-o", "size="+args[0], "slipway", dir))
	ts.Defer(func() {
		_ = ts.Exec("slipway", "down")
		ts.Check(ts.Exec("umount", "--lazy", dir))
	})
}
