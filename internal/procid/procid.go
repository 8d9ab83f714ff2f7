// Package procid names operating-system processes so that a name never means
// another process later: process numbers are used again, and all of them after
// a reboot.
package procid

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ID names one process of one boot of this host.
type ID struct {
	Boot  string `json:"boot"` // of the host, see HostBoot
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // in the kernel's own unit, after the boot or an epoch
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

// Of names process pid. One that has ended can be named until its parent has
// asked how; after that it is ErrGone.
func Of(pid int) (ID, error) {
	e, err := look(pid)
	return e.ID, err
}

// String is the name as one word, for tables that must not mix up processes; ""
// for no process. Parse reads it.
func (id ID) String() string {
	if id.PID == 0 {
		return ""
	}
	return fmt.Sprintf("%s.%d.%d", id.Boot, id.PID, id.Start)
}

// Parse reads what ID.String wrote, and reports whether s is that.
func Parse(s string) (id ID, ok bool) {
	boot, rest, _ := strings.Cut(s, ".")
	pid, start, _ := strings.Cut(rest, ".")
	n, errPID := strconv.Atoi(pid)
	at, errStart := strconv.ParseUint(start, 10, 64)
	id = ID{Boot: boot, PID: n, Start: at}
	return id, errPID == nil && errStart == nil && id.String() == s
}

// OfThisBoot reports whether the process was started since the host was.
func (id ID) OfThisBoot() bool { return id.Boot == HostBoot() }

// Alive reports whether exactly this process runs. One that has ended and was
// not reaped yet does not.
func (id ID) Alive() bool {
	if id.PID <= 0 || !id.OfThisBoot() {
		return false
	}
	e, err := look(id.PID)
	return err == nil && !e.Ended && e.Start == id.Start
}

// Gone reports whether it is proven that the process has ended: one that this
// user may not see is not taken for that, nor one of a boot that is not known.
func (id ID) Gone() bool {
	switch {
	case id.PID <= 0:
		return false
	case !id.OfThisBoot():
		return id.Boot != "" && id.Boot != unknown && HostBoot() != unknown
	case id.Alive():
		return false
	case errors.Is(syscall.Kill(id.PID, 0), syscall.ESRCH):
		return true
	}
	_, err := look(id.PID) // one that has ended, or another one with its number
	return err == nil
}

// Left reports whether it is proven that the process has ended or is ending: what
// it had open may be another's by now.
func (id ID) Left() bool {
	if id.PID <= 0 || !id.OfThisBoot() {
		return id.Gone()
	}
	if e, err := look(id.PID); err == nil {
		return e.Ended || e.Ending || e.Start != id.Start
	}
	return id.Gone()
}

// unknown is the boot where the kernel does not tell it.
const unknown = "unknown"

// Signal sends sig to the process, and to no other that has its number now. It
// returns ErrGone when the process has ended.
func (id ID) Signal(sig syscall.Signal) error {
	if id.PID <= 0 {
		return ErrGone // to the kernel it would mean many
	}
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
