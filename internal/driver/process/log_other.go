//go:build !linux

package process

import (
	"errors"
	"os"
	"syscall"
)

// dropHead cannot take the head off a file here; the caller empties it.
func dropHead(*os.File, int64) error { return errors.ErrUnsupported }

// syncAll writes everything to the disk.
func syncAll(string) error {
	syscall.Sync()
	return nil
}
