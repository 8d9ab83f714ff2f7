//go:build !linux

package daemon

import "syscall"

// roleAttr puts a role into a process group of its own. This kernel cannot end
// it with a killed supervisor; the next `slipway up` does.
func roleAttr(bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
