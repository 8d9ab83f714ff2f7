package process

import (
	"os"

	"github.com/slipway-cd/slipway/internal/procid"
)

// kin finds the living processes of an instance: those in its process group
// (the kernel gives pids in turn, so the number of a group that has just ended
// is nobody else's yet), those below its shim, and those that carry its mark,
// as those of an earlier shim do.
func kin(group int, mark string) []procid.ID {
	all, self := procid.Table(), os.Getpid()
	var found []procid.ID
	for pid, p := range all {
		if !p.Ended && pid != self && (group != 0 && p.Group == group || p.Below(self, all) || marked(pid, mark)) {
			found = append(found, p.ID)
		}
	}
	return found
}

// leader finds the living leader of a process group that carries mark: a child
// whose shim died before it could write down whom it had started.
func leader(mark string) (procid.ID, bool) {
	for pid, p := range procid.Table() {
		if !p.Ended && p.Group == pid && marked(pid, mark) {
			return p.ID, true
		}
	}
	return procid.ID{}, false
}
