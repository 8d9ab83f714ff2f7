package process

import (
	"os"
	"syscall"

	"github.com/slipway-cd/slipway"
)

// ownedByUs refuses a directory that others can write to or could have made,
// and a link, which they could have laid to a directory of ours: whoever owns it
// could pose as a shim.
func ownedByUs(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return explain("look at "+dir, err)
	}
	if info.Mode()&os.ModeSymlink != 0 {
		return slipway.Errorf(slipway.Conflict, "%s is a link", dir).Do("Put a directory in its place.")
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && int(s.Uid) != os.Geteuid() || info.Mode()&0o022 != 0 {
		return slipway.Errorf(slipway.Conflict, "%s belongs to another user or can be written by others", dir).
			Do("Remove it, or make it yours alone: chmod 700 %s", dir)
	}
	return nil
}
