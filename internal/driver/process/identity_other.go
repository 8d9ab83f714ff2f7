//go:build !linux

package process

import (
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func hostBoot() (string, error) {
	b, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return "", fmt.Errorf("read the host's boot ID: %w", err)
	}
	return b, nil
}

const zombie = 5 // SZOMB in <sys/proc.h>

// startTime is in microseconds since 1970. It can be read until the process is
// reaped; ended says whether it waits for that.
func startTime(pid int) (start uint64, ended bool, err error) {
	p, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return 0, false, err
	}
	t := p.Proc.P_starttime
	return uint64(t.Sec)*1e6 + uint64(t.Usec), p.Proc.P_stat == zombie, nil
}

// handle stands in for a pidfd: it looks again before each use, which leaves a
// moment in which the pid may change hands.
type handle struct{ id Identity }

func hold(id Identity) (*handle, error) {
	start, _, err := startTime(id.PID)
	if err != nil || start != id.Start || !id.ThisHostBoot() {
		return nil, fmt.Errorf("hold process %d: %w", id.PID, syscall.ESRCH)
	}
	return &handle{id}, nil
}

func (h *handle) Signal(sig syscall.Signal) error {
	if !h.id.Alive() {
		return syscall.ESRCH
	}
	return syscall.Kill(h.id.PID, sig)
}

func (h *handle) Wait() {
	for h.id.Alive() {
		time.Sleep(50 * time.Millisecond)
	}
}

func (h *handle) Close() error { return nil }
