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

// Room is how much more memory this process and those in groups below its own may
// have, where one of the groups that it is in sets a limit: in a container, a unit
// with MemoryMax=. What the kernel would give up for them is room. Groups need not be
// ours to write to.
func Room() (bytes int64, limited bool) {
	mounted, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return 0, false
	}
	self, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return 0, false
	}
	return room(string(mounted), string(self))
}

func room(mountinfo, self string) (bytes int64, limited bool) {
	group, ok := unified(self)
	if !ok {
		return 0, false
	}
	var dirs []string
	for _, m := range mounts(mountinfo) {
		if dir, ok := m.place(group); ok {
			dirs = append(dirs, m.upwards(dir)...)
		}
	}
	return least(dirs)
}

// upwards are the groups from dir to the highest that m shows.
func (m mount) upwards(dir string) []string {
	dirs := []string{dir}
	for dir != filepath.Clean(m.dir) && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		dirs = append(dirs, dir)
	}
	return dirs
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
