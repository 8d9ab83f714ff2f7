package process

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// catches reports whether process pid has something to do with a signal, other
// than to end.
func catches(pid int, sig syscall.Signal) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		name, mask, _ := strings.Cut(line, ":")
		if name != "SigCgt" && name != "SigIgn" {
			continue
		}
		if n, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64); err == nil && n>>(uint(sig)-1)&1 == 1 {
			return true
		}
	}
	return false
}
