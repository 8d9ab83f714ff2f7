package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// hostBoot is the kernel's own name of the time since it started.
func hostBoot() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read the host's boot ID: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// procStat is the part of /proc/PID/stat that tells processes apart.
type procStat struct {
	state  byte
	parent int
	group  int
	start  uint64
}

func readStat(pid int) (procStat, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return procStat{}, err
	}
	// The second field is the program's name, in parentheses, and may hold
	// anything, parentheses and spaces too.
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(f) < 20 {
		return procStat{}, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(f))
	}
	var s procStat
	s.state = f[0][0]
	s.parent, _ = strconv.Atoi(string(f[1]))
	s.group, _ = strconv.Atoi(string(f[2]))
	s.start, err = strconv.ParseUint(string(f[19]), 10, 64)
	return s, err
}

func (s procStat) ended() bool { return s.state == 'Z' || s.state == 'X' }

// startTime is in clock ticks since the host started. It can be read until the
// process is reaped; ended says whether it waits for that.
func startTime(pid int) (start uint64, ended bool, err error) {
	s, err := readStat(pid)
	return s.start, s.ended(), err
}

// handle is a hold on one process that survives the reuse of its pid.
type handle struct {
	id Identity
	fd int
}

// hold opens a pidfd and then checks whose it is, so that it is the right one
// or none.
func hold(id Identity) (*handle, error) {
	fd, err := unix.PidfdOpen(id.PID, 0)
	if err != nil {
		return nil, fmt.Errorf("hold process %d: %w", id.PID, err)
	}
	s, err := readStat(id.PID)
	if err != nil || s.start != id.Start || !id.ThisHostBoot() {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("hold process %d: %w", id.PID, syscall.ESRCH)
	}
	return &handle{id, fd}, nil
}

// Signal reaches exactly the held process.
func (h *handle) Signal(sig syscall.Signal) error { return unix.PidfdSendSignal(h.fd, sig, nil, 0) }

// Wait returns once the process has ended; it does not reap it.
func (h *handle) Wait() {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(h.fd), Events: unix.POLLIN}}, -1)
		if n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

func (h *handle) Close() error { return unix.Close(h.fd) }
