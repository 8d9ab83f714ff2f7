package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Ran is for how long all processors together have run what is in g and below, or
// was. The kernel counts that without a controller, too.
func (g Group) Ran() (time.Duration, error) {
	if err := g.check(); err != nil {
		return 0, err
	}
	micro, err := field(filepath.Join(string(g), "cpu.stat"), "usage_usec")
	return time.Duration(micro) * time.Microsecond, err
}

// Room is how much more memory the processes in h and below may have, where the
// groups that they are in set a limit. What the kernel would give up for them is
// room.
func (h Home) Room() (bytes int64, limited bool) {
	var dirs []string
	for dir := h.dir; dir != "" && isGroup(dir); dir = filepath.Dir(dir) {
		dirs = append(dirs, dir)
	}
	return least(dirs)
}

// least is what the strictest of some groups leaves.
func least(dirs []string) (bytes int64, limited bool) {
	for _, dir := range dirs {
		most, err := number(filepath.Join(dir, "memory.max"))
		if err != nil {
			continue // max, or the group at the root
		}
		now, err := number(filepath.Join(dir, "memory.current"))
		if err != nil {
			continue
		}
		cached, _ := field(filepath.Join(dir, "memory.stat"), "inactive_file")
		if room := max(0, most-now+cached); !limited || room < bytes {
			bytes, limited = room, true
		}
	}
	return bytes, limited
}

func number(path string) (int64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
}

// field is a number from a file that has one of a name in each line.
func field(path, name string) (int64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && key == name {
			return strconv.ParseInt(value, 10, 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", path, name)
}
