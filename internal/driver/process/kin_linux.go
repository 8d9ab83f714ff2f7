package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// becomeSubreaper makes this process the parent of every orphan below it, so
// that none of them escapes.
func becomeSubreaper() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// kin finds the living processes of an instance: those in its process group
// (the kernel gives pids in turn, so the number of a group that has just ended
// is nobody else's yet), those below its shim, and those that carry its mark,
// as those of an earlier shim do.
func kin(group int, mark string) []Identity {
	boot, err := hostBoot()
	if err != nil {
		return nil
	}
	all := map[int]procStat{}
	for _, pid := range pids() {
		if s, err := readStat(pid); err == nil && !s.ended() {
			all[pid] = s
		}
	}
	self := os.Getpid()
	var found []Identity
	for pid, s := range all {
		if pid != self && (group != 0 && s.group == group || below(all, pid, self) || marked(pid, mark)) {
			found = append(found, Identity{boot, pid, s.start})
		}
	}
	return found
}

func pids() []int {
	names, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil
	}
	list := make([]int, 0, len(names))
	for _, n := range names {
		if pid, err := strconv.Atoi(filepath.Base(n)); err == nil {
			list = append(list, pid)
		}
	}
	return list
}

func below(all map[int]procStat, pid, ancestor int) bool {
	for range 64 { // deep enough, and an end if pids moved under us
		s, ok := all[pid]
		if !ok {
			return false
		}
		if s.parent == ancestor {
			return true
		}
		pid = s.parent
	}
	return false
}

func marked(pid int, mark string) bool {
	if mark == "" {
		return false
	}
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	want := []byte(markVariable + "=" + mark + "\x00")
	return err == nil && (bytes.HasPrefix(env, want) || bytes.Contains(env, append([]byte{0}, want...)))
}

// leader finds the living leader of a process group that carries mark: a child
// whose shim died before it could write down whom it had started.
func leader(mark string) (Identity, bool) {
	for _, id := range kin(0, mark) {
		if s, err := readStat(id.PID); err == nil && s.group == id.PID && marked(id.PID, mark) {
			return id, true
		}
	}
	return Identity{}, false
}
