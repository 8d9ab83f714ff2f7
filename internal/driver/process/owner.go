package process

import (
	"os"
	"syscall"

	"github.com/slipway-cd/slipway"
)

// ownedByUs refuses a directory that others can write to or could have made:
// whoever owns it could pose as a shim.
func ownedByUs(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return explain("look at "+dir, err)
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && int(s.Uid) != os.Geteuid() || info.Mode()&0o022 != 0 {
		return slipway.Errorf(slipway.Conflict, "%s belongs to another user or can be written by others", dir).
			Do("Remove it, or make it yours alone: chmod 700 %s", dir)
	}
	return nil
}
