//go:build !linux

package procid

import "syscall"

// HostBoot is not told by this kernel: after a reboot a process number may be
// taken for the process that had it before.
func HostBoot() string { return "unknown" }

func startTime(pid int) (uint64, error) {
	if err := syscall.Kill(pid, 0); err != nil && err != syscall.EPERM {
		return 0, ErrGone
	}
	return 0, nil
}
