package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-cd/slipway/internal/cgroup"
)

// tick is the unit of times in /proc/PID/stat, the same on all our machines.
const tick = time.Second / 100

// spent reads /proc/PID/stat, proc(5): what a process and its children that have
// ended ran for, and what it has in memory.
func spent(pid int) (cpu time.Duration, memory int64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 22 {
		return 0, 0, errors.New("/proc/PID/stat is not as it was")
	}
	for _, text := range f[11:15] { // utime, stime, cutime, cstime
		n, _ := strconv.ParseInt(text, 10, 64)
		cpu += time.Duration(n) * tick
	}
	pages, err := strconv.ParseInt(f[21], 10, 64) // rss
	return cpu, pages * int64(os.Getpagesize()), err
}

// room is how much memory there is for more: what the machine has, or the groups
// leave that all of this is in; 0: not known.
func room() int64 {
	b, _ := os.ReadFile("/proc/meminfo")
	var free int64
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, "MemAvailable:"); ok {
			_, _ = fmt.Sscan(value, &free) // in kB
			free <<= 10
		}
	}
	if left, limited := cgroup.Room(); limited && (free == 0 || left < free) {
		return max(left, 1) // nothing is left, and that is known
	}
	return free
}
