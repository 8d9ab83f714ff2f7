// Package procid names operating-system processes so that a name never means
// another process later: process numbers are used again, and all of them after
// a reboot.
package procid

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// ID names one process of one boot of this host.
type ID struct {
	Boot  string `json:"boot"`  // of the host, see HostBoot
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // clock ticks after the boot; 0 where the kernel does not tell
}

// ErrGone says that the process has ended.
var ErrGone = errors.New("the process has ended")

// Self is the process that runs this code.
func Self() ID {
	id, err := Of(os.Getpid())
	if err != nil {
		return ID{Boot: HostBoot(), PID: os.Getpid()}
	}
	return id
}

// Of identifies the living process pid. It returns ErrGone when there is none.
func Of(pid int) (ID, error) {
	start, err := startTime(pid)
	if err != nil {
		return ID{}, err
	}
	return ID{Boot: HostBoot(), PID: pid, Start: start}, nil
}

// Alive reports whether the process runs: zombies do not.
func (id ID) Alive() bool {
	if id.PID <= 0 || id.Boot != HostBoot() {
		return false
	}
	now, err := Of(id.PID)
	return err == nil && now.Start == id.Start
}

// Signal sends sig to the process, and to no other that has its number now. It
// returns ErrGone when the process has ended.
func (id ID) Signal(sig syscall.Signal) error {
	p, err := os.FindProcess(id.PID) // a handle where the kernel has them: it stays with this process
	if err != nil {
		return ErrGone
	}
	defer func() { _ = p.Release() }()
	if !id.Alive() {
		return ErrGone
	}
	if err := p.Signal(sig); errors.Is(err, os.ErrProcessDone) || errors.Is(err, syscall.ESRCH) {
		return ErrGone
	} else if err != nil {
		return err
	}
	return nil
}

// End asks the process to end, and kills it when patience is over. It returns
// when the process is gone.
func (id ID) End(patience time.Duration) {
	if errors.Is(id.Signal(syscall.SIGTERM), ErrGone) {
		return
	}
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		if !id.Alive() {
			return
		}
	}
	_ = id.Signal(syscall.SIGKILL)
	for range 500 { // a killed process is gone within moments, unless the kernel holds it
		if !id.Alive() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
