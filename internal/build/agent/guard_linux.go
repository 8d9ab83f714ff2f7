package agent

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/slipway-cd/slipway/internal/procid"
)

// adopt makes orphans among the descendants children of this process.
func adopt() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// descendants are the living processes that descend from this one.
func descendants() []int {
	all, me := procid.Table(), os.Getpid()
	var found []int
	for pid, p := range all {
		if !p.Ended && p.Below(me, all) {
			found = append(found, pid)
		}
	}
	return found
}
