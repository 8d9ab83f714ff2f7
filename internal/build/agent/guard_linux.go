package agent

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// adopt makes orphans among the descendants children of this process.
func adopt() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// descendants are the living processes that descend from this one.
func descendants() []int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer func() { _ = dir.Close() }()
	names, _ := dir.Readdirnames(-1)
	children, dead := map[int][]int{}, map[int]bool{}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			continue
		}
		// pid (name, which may hold anything) state ppid …: proc(5)
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) < 2 {
			continue
		}
		parent, _ := strconv.Atoi(string(fields[1]))
		children[parent] = append(children[parent], pid)
		dead[pid] = fields[0][0] == 'Z' || fields[0][0] == 'X'
	}
	var found []int
	for queue := children[os.Getpid()]; len(queue) > 0; queue = queue[1:] {
		queue = append(queue, children[queue[0]]...)
		if !dead[queue[0]] {
			found = append(found, queue[0])
		}
	}
	return found
}
