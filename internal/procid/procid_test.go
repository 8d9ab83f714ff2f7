package procid_test

import (
	"errors"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/internal/procid"
)

func TestAProcessKeepsItsNameUntilItEnds(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	id, err := procid.Of(cmd.Process.Pid)
	if err != nil || !id.Alive() {
		t.Fatalf("a running process: %+v, %v", id, err)
	}
	other := id
	other.Start++
	if other.Alive() {
		t.Error("a process that started at another time has the same name")
	}
	if err := other.Signal(syscall.SIGKILL); !errors.Is(err, procid.ErrGone) || !id.Alive() {
		t.Errorf("a signal to a former process reached the one with its number: %v", err)
	}
	other = id
	other.Boot = "another boot"
	if other.Alive() {
		t.Error("a process of another boot has the same name")
	}
	done := make(chan struct{})
	go func() { defer close(done); id.End(5 * time.Second) }()
	_ = cmd.Wait()
	<-done
	if id.Alive() {
		t.Error("it lives after its end")
	}
}
