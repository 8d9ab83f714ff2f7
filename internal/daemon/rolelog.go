package daemon

import (
	"os"

	"github.com/slipway-cd/slipway"
)

const maxRoleLog = 16 << 20 // then it starts anew, the one before is kept

// openLog opens a role's log for appending, after moving a long one aside.
func openLog(file string) (*os.File, error) {
	if i, err := os.Stat(file); err == nil && i.Size() > maxRoleLog {
		_ = os.Rename(file, file+".1")
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, slipway.Errorf(slipway.Unavailable, "cannot write the log %s: %w", file, err)
	}
	return f, nil
}
