package daemon

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestRolesEndTogetherAndTheLastLast(t *testing.T) {
	data, err := OpenData(filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	ended := filepath.Join(data.Dir, "ended")
	running, stop := context.WithCancel(t.Context())
	defer stop()
	s := &supervisor{log: slog.New(slog.DiscardHandler)}
	for _, name := range []string{"server", "agent-a", "agent-b", "agent-c", "agent-d"} {
		r := &role{name: name, exe: "/bin/sh", data: data, last: name == "server", patience: 30 * time.Second,
			args: []string{"-c", `trap 'sleep 1; echo $0 >>"$1"; exit' TERM; echo $0; while :; do sleep 0.05; done`, name, ended}}
		if err := s.start(r); err != nil {
			t.Fatal(err)
		}
		s.keep(running, r)
		for i, _ := os.Stat(data.roleLog(name)); i == nil || i.Size() == 0; i, _ = os.Stat(data.roleLog(name)) {
			time.Sleep(time.Millisecond) // until it listens to signals
		}
	}
	began := time.Now()
	for _, r := range s.roles {
		r.stays = r.name == "agent-d"
	}
	stop()
	s.stop(func(r *role) bool { return !r.stays })
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %s to end four roles that take a second each", took)
	}
	text, err := os.ReadFile(ended)
	if err != nil || len(text) != len("agent-a\nagent-b\nagent-c\nserver\n") || string(text[len(text)-7:]) != "server\n" {
		t.Errorf("they ended in the order %q, %v", text, err)
	}
	if r := s.roles[4]; !r.current().Process.Alive() {
		t.Error("one that stays has ended")
	} else {
		r.stop()
	}
}

func TestARoleThatIsKilledAgainAndAgainIsSoonBack(t *testing.T) {
	data, err := OpenData(filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(t.Context())
	s := &supervisor{log: slog.New(slog.DiscardHandler)}
	r := &role{name: "server", exe: "/bin/sleep", args: []string{"300"}, data: data, patience: time.Second}
	if err := s.start(r); err != nil {
		t.Fatal(err)
	}
	s.keep(running, r)
	defer s.stop(func(*role) bool { return true })
	defer stop()
	for n := range 7 {
		killed := r.current().Process
		if err := killed.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for r.current().Process == killed {
			if time.Since(began) > 2*time.Second {
				t.Fatalf("it is away for %s when it was killed %d times", time.Since(began), n+1)
			}
			time.Sleep(time.Millisecond)
		}
	}
}
