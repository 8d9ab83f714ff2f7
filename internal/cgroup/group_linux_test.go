package cgroup_test

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/internal/cgroup"
)

// fugitive leaves its session, its parents and its environment behind; the
// shell that started it lives on.
const fugitive = `(env -i setsid sh -c 'trap "" TERM HUP; echo $$; exec sleep 71' &); sleep 72`

// start runs a shell command in g, and returns what it says first: the number of
// a process.
func start(t *testing.T, g cgroup.Group, script string) (pid int, cmd *exec.Cmd, outside error) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	sys := &syscall.SysProcAttr{Setpgid: true}
	outside, err = g.Start(sys, func() error {
		cmd = exec.Command("sh", "-c", script)
		cmd.Stdout, cmd.SysProcAttr = w, sys
		return cmd.Start()
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	_ = w.Close()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	if pid, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	return pid, cmd, outside
}

func running(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(b), ") Z ")
}

// newGroup is empty where groups cannot be made, and what is then promised has
// been looked at.
func newGroup(t *testing.T) cgroup.Group {
	t.Helper()
	home, err := cgroup.Own()
	g := home.Group("test-" + rand.Text())
	if err != nil {
		checkNone(t, g)
		t.Logf("no groups here: %v", err)
	}
	return g
}

// checkNone holds what is promised of the group that is none.
func checkNone(t *testing.T, g cgroup.Group) {
	t.Helper()
	if g != "" || g.Exists() || g.End() != nil {
		t.Errorf("%q: exists %t, end %v", g, g.Exists(), g.End())
	}
	pid, _, outside := start(t, g, fugitive)
	if outside != nil || !running(pid) {
		t.Errorf("without a group: outside %v, running %t", outside, running(pid))
	}
}

func TestNoGroup(t *testing.T) { checkNone(t, cgroup.Home{}.Group("any")) }

func TestNothingEscapes(t *testing.T) {
	for _, how := range []string{"all at once", "one by one"} {
		t.Run(how, func(t *testing.T) {
			g := newGroup(t)
			if g == "" {
				return
			}
			pid, cmd, outside := start(t, g, fugitive)
			if outside != nil || !g.Exists() || !running(pid) {
				t.Fatalf("outside: %v, exists %t, running %t", outside, g.Exists(), running(pid))
			}
			if err := os.Mkdir(filepath.Join(string(g), "below"), 0o700); err != nil { // as it may do itself
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(string(g), "below", "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o600); err != nil {
				t.Fatal(err)
			}
			if how == "one by one" {
				strikeEach(t, g, pid, cmd.Process.Pid)
			}
			if err := g.End(); err != nil {
				t.Fatal(err)
			}
			if running(pid) || running(cmd.Process.Pid) || g.Exists() {
				t.Errorf("after its end: running %t and %t, exists %t", running(pid), running(cmd.Process.Pid), g.Exists())
			}
			if err := g.End(); err != nil {
				t.Errorf("again: %v", err)
			}
		})
	}
}

// strikeEach ends them as older kernels let us.
func strikeEach(t *testing.T, g cgroup.Group, pids ...int) {
	t.Helper()
	if err := cgroup.StrikeEach(g); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		for began := time.Now(); running(pid); time.Sleep(time.Millisecond) {
			if time.Since(began) > 5*time.Second {
				t.Fatalf("process %d still runs", pid)
			}
		}
	}
}

func TestAGroupIsMadeAgain(t *testing.T) {
	g := newGroup(t)
	if g == "" {
		return
	}
	for range 3 {
		pid, _, outside := start(t, g, fugitive)
		if err := g.End(); err != nil || outside != nil || running(pid) || g.Exists() {
			t.Errorf("end: %v, outside: %v, running %t, exists %t", err, outside, running(pid), g.Exists())
		}
	}
}

// One that is still in use is not shared: who starts in it could be ended with
// what was there before.
func TestAGroupIsNotShared(t *testing.T) {
	g := newGroup(t)
	if g == "" {
		return
	}
	first, _, _ := start(t, g, fugitive)
	second, _, outside := start(t, g, fugitive)
	if err := g.End(); err != nil || !errors.Is(outside, fs.ErrExist) || running(first) || !running(second) {
		t.Errorf("end: %v, outside: %v, running %t and %t", err, outside, running(first), running(second))
	}
}

// A group that cannot be entered keeps nobody from starting, and is named.
func TestRefused(t *testing.T) {
	g := cgroup.Group(filepath.Join(t.TempDir(), "slipway-refused"))
	pid, _, outside := start(t, g, fugitive)
	if outside == nil || !running(pid) {
		t.Errorf("outside: %v, running %t", outside, running(pid))
	}
	if g := newGroup(t); g != "" {
		outside, err := g.Start(&syscall.SysProcAttr{}, func() error { return io.ErrUnexpectedEOF })
		if outside != nil || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("a program that cannot be started: outside %v, %v", outside, err)
		}
		if err := g.End(); err != nil || g.Exists() {
			t.Errorf("end: %v", err)
		}
	}
}

func TestWhoJoinsEndsWithTheOthers(t *testing.T) {
	g := newGroup(t)
	if g == "" {
		return
	}
	_, _, _ = start(t, g, "echo $$; sleep 73")
	sys := &syscall.SysProcAttr{Setpgid: true}
	cmd := exec.Command("sleep", "74")
	cmd.SysProcAttr = sys
	if outside, err := g.Join(sys, cmd.Start); outside != nil || err != nil {
		t.Fatalf("Join: %v, %v", outside, err)
	}
	if err := g.End(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("who has joined was not ended")
	}
	if outside, err := g.Join(sys, func() error { return nil }); outside == nil || err != nil {
		t.Errorf("Join of a group that is gone: %v, %v", outside, err)
	}
}
