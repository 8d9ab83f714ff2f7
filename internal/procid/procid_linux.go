package procid

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// HostBoot is the kernel's own name of the time since it started. Where that
// cannot be read it is unknown, and a reboot is not noticed.
var HostBoot = sync.OnceValue(func() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return unknown
	}
	return strings.TrimSpace(string(b))
})

// look reads /proc/PID/stat, proc(5). The second field is the command in
// parentheses and may hold anything, parentheses and spaces too.
func look(pid int) (Entry, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Entry{}, ErrGone
	}
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(f) < 20 {
		return Entry{}, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(f))
	}
	e := Entry{ID: ID{Boot: HostBoot(), PID: pid}, Ended: f[0][0] == 'Z' || f[0][0] == 'X'}
	e.Parent, _ = strconv.Atoi(string(f[1]))
	e.Group, _ = strconv.Atoi(string(f[2]))
	flags, _ := strconv.ParseUint(string(f[6]), 10, 64)
	e.Ending = flags&exiting != 0
	e.Start, err = strconv.ParseUint(string(f[19]), 10, 64) // clock ticks after the boot
	return e, err
}

const exiting = 0x4 // PF_EXITING: set before the kernel closes what it has open

// Table is every process of this host by its number.
func Table() map[int]Entry {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer func() { _ = dir.Close() }()
	names, _ := dir.Readdirnames(-1)
	all := make(map[int]Entry, len(names))
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if e, err := look(pid); err == nil { // else it ended just now
			all[pid] = e
		}
	}
	return all
}

// Handle is a hold on one process that survives the reuse of its number.
type Handle struct{ fd int }

// Hold opens a pidfd and then checks whose it is, so that it is the right one
// or ErrGone.
func (id ID) Hold() (*Handle, error) {
	if id.PID <= 0 || !id.OfThisBoot() {
		return nil, ErrGone
	}
	fd, err := unix.PidfdOpen(id.PID, 0)
	if errors.Is(err, syscall.ESRCH) || errors.Is(err, syscall.EINVAL) { // not there, or a thread's number now
		return nil, ErrGone
	}
	if err != nil {
		return nil, fmt.Errorf("hold process %d: %w", id.PID, err)
	}
	if e, err := look(id.PID); err != nil || e.Start != id.Start {
		_ = unix.Close(fd)
		return nil, ErrGone
	}
	return &Handle{fd}, nil
}

// Wait returns once the process has ended; it does not reap it.
func (h *Handle) Wait() {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(h.fd), Events: unix.POLLIN}}, -1)
		if n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// Close gives the process up.
func (h *Handle) Close() error { return unix.Close(h.fd) }
