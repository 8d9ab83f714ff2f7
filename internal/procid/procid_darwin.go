package procid

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// HostBoot is the kernel's own name of the time since it started. Where that
// cannot be read it is unknown, and a reboot is not noticed.
var HostBoot = sync.OnceValue(func() string {
	boot, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return unknown
	}
	return boot
})

func look(pid int) (Entry, error) {
	p, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return Entry{}, ErrGone
	}
	return entry(p), nil
}

const zombie = 5 // SZOMB in <sys/proc.h>

func entry(p *unix.KinfoProc) Entry {
	t := p.Proc.P_starttime // microseconds since 1970 name the start
	return Entry{
		ID:     ID{Boot: HostBoot(), PID: int(p.Proc.P_pid), Start: uint64(t.Sec)*1e6 + uint64(t.Usec)},
		Parent: int(p.Eproc.Ppid), Group: int(p.Eproc.Pgid), Ended: p.Proc.P_stat == zombie,
	}
}

// Table is every process of this host by its number.
func Table() map[int]Entry {
	list, _ := unix.SysctlKinfoProcSlice("kern.proc.all")
	all := make(map[int]Entry, len(list))
	for i := range list {
		e := entry(&list[i])
		all[e.PID] = e
	}
	return all
}

// Handle stands in for a hold on one process: it looks again before each use,
// which leaves a moment in which the number may change hands.
type Handle struct{ id ID }

// Hold is ErrGone when the process has ended.
func (id ID) Hold() (*Handle, error) {
	if e, err := look(id.PID); err != nil || e.ID != id {
		return nil, ErrGone
	}
	return &Handle{id}, nil
}

// Wait returns once the process has ended; it does not reap it.
func (h *Handle) Wait() {
	for h.id.Alive() {
		time.Sleep(50 * time.Millisecond)
	}
}

// Close gives the process up.
func (h *Handle) Close() error { return nil }
