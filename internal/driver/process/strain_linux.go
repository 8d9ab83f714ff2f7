package process

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// waited is how long the threads of a process, all together, were ready to run
// and did not get to. It is 0 where the kernel does not count that.
func waited(pid int) (total time.Duration) {
	dir := fmt.Sprintf("/proc/%d/task/", pid)
	threads, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, t := range threads {
		line, _ := os.ReadFile(dir + t.Name() + "/schedstat") // ran, waited, slices; nanoseconds
		if fields := strings.Fields(string(line)); len(fields) == 3 {
			n, _ := strconv.ParseInt(fields[1], 10, 64)
			total += time.Duration(n)
		}
	}
	return total
}
