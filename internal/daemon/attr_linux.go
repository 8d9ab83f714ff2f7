package daemon

import "syscall"

// roleAttr puts a role into a process group of its own, so that Ctrl-C reaches
// the supervisor alone. One that does not stay ends with the supervisor, even
// when that is killed.
func roleAttr(stays bool) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true}
	if !stays {
		a.Pdeathsig = syscall.SIGTERM
	}
	return a
}
