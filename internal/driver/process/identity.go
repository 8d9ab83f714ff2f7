package process

import (
	"fmt"
	"syscall"
)

// Identity names one process for good: a pid alone is reused, and after a
// reboot every pid is somebody else's.
type Identity struct {
	HostBoot string // of the host, new after each reboot
	PID      int
	Start    uint64 // when the process started, in the kernel's own unit
}

// identify names process pid, which must not have been reaped.
func identify(pid int) (Identity, error) {
	boot, err := hostBoot()
	if err != nil {
		return Identity{}, err
	}
	start, _, err := startTime(pid)
	if err != nil {
		return Identity{}, err
	}
	return Identity{HostBoot: boot, PID: pid, Start: start}, nil
}

// Boot is the identity as one word, for tables that must not mix up processes.
func (i Identity) Boot() string {
	if i.PID == 0 {
		return ""
	}
	return fmt.Sprintf("%.8s-%d-%d", i.HostBoot, i.PID, i.Start)
}

// ThisHostBoot reports whether the process was started since the host was.
func (i Identity) ThisHostBoot() bool {
	boot, err := hostBoot()
	return err == nil && boot == i.HostBoot
}

// Alive reports whether exactly this process still runs. One that has ended
// and was not reaped yet does not.
func (i Identity) Alive() bool {
	if i.PID <= 0 || !i.ThisHostBoot() {
		return false
	}
	start, ended, err := startTime(i.PID)
	return err == nil && !ended && start == i.Start
}

// Kill sends sig to exactly this process, and to no other that was given its
// pid meanwhile.
func (i Identity) Kill(sig syscall.Signal) error {
	h, err := hold(i)
	if err != nil {
		return err
	}
	defer func() { _ = h.Close() }()
	return h.Signal(sig)
}
