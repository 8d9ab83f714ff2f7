package procid_test

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/internal/procid"
)

func sleeper(t *testing.T) (*exec.Cmd, procid.ID) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	id, err := procid.Of(cmd.Process.Pid)
	if err != nil || !id.Alive() || id.Gone() || id.Left() {
		t.Fatalf("a running process: %+v, %v", id, err)
	}
	return cmd, id
}

func TestAProcessKeepsItsNameUntilItEnds(t *testing.T) {
	cmd, id := sleeper(t)
	for name, change := range map[string]func(*procid.ID){
		"another start":      func(o *procid.ID) { o.Start++ },
		"another boot":       func(o *procid.ID) { o.Boot = "another" },
		"nobody":             func(o *procid.ID) { *o = procid.ID{Boot: o.Boot} },
		"everybody":          func(o *procid.ID) { o.PID = -1 },
		"a number that none": func(o *procid.ID) { o.PID = 1 << 30 },
	} {
		other := id
		change(&other)
		if other.Alive() {
			t.Errorf("%s is alive", name)
		}
		if err := other.Signal(syscall.SIGKILL); !errors.Is(err, procid.ErrGone) {
			t.Errorf("a signal to %s: %v", name, err)
		}
		if h, err := other.Hold(); !errors.Is(err, procid.ErrGone) {
			t.Errorf("a hold on %s: %v, %v", name, h, err)
		}
		if gone := other.PID > 0; other.Gone() != gone || other.Left() != gone {
			t.Errorf("%s: gone is %t", name, !gone)
		}
	}
	if !id.Alive() {
		t.Fatal("a signal to another reached it")
	}
	done := make(chan struct{})
	go func() { defer close(done); id.End(5 * time.Second) }()
	_ = cmd.Wait()
	<-done
	if id.Alive() || !id.Gone() || !id.Left() {
		t.Error("it lives after its end")
	}
}

func TestAProcessThatNobodyHasReapedHasEnded(t *testing.T) {
	cmd, id := sleeper(t)
	h, err := id.Hold()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	if err := id.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	h.Wait()
	if again, err := procid.Of(id.PID); err != nil || again != id {
		t.Errorf("it has no name any more: %+v, %v", again, err)
	}
	if id.Alive() || !id.Gone() || !id.Left() || !procid.Table()[id.PID].Ended {
		t.Error("it is alive")
	}
	if err := id.Signal(syscall.SIGTERM); !errors.Is(err, procid.ErrGone) {
		t.Errorf("a signal: %v", err)
	}
	_ = cmd.Wait()
	if _, err := procid.Of(id.PID); !errors.Is(err, procid.ErrGone) {
		t.Errorf("reaped: %v", err)
	}
}

func TestNamesAreWords(t *testing.T) {
	me := procid.Self()
	if got, ok := procid.Parse(me.String()); !ok || got != me {
		t.Errorf("%q reads as %+v, %t", me, got, ok)
	}
	for _, s := range []string{"", "b", "3f9c-812-99", "3f9c.812", "3f9c.812.x", "3f9c.+1.5", "3f9c.1.2.3", "3f9c.01.5", "3f9c.0.5"} {
		if id, ok := procid.Parse(s); ok {
			t.Errorf("%q reads as %+v", s, id)
		}
	}
	if s := (procid.ID{Boot: "b"}).String(); s != "" {
		t.Errorf("no process is %q", s)
	}
}

func TestTheTableKnowsWhoDescendsFromWhom(t *testing.T) {
	cmd, id := sleeper(t)
	defer func() { id.End(time.Second); _ = cmd.Wait() }()
	all := procid.Table()
	child, me := all[id.PID], all[os.Getpid()]
	if child.ID != id || me.ID != procid.Self() || child.Parent != me.PID || child.Group != me.Group {
		t.Errorf("me %+v, child %+v", me, child)
	}
	if !child.Below(me.PID, all) || !child.Below(me.Parent, all) || me.Below(child.PID, all) {
		t.Error("wrong descent")
	}
}
