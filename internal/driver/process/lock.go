package process

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/slipway-cd/slipway"
)

// lockFile is a lock of the kernel's: it goes with the process that has it,
// however that ends.
type lockFile struct{ f *os.File }

// tryLock takes the lock at path. One that is held is a Conflict.
func tryLock(path string) (*lockFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, slipway.Errorf(slipway.Conflict, "%s is held by another process", path)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return &lockFile{f}, nil
}

// takeLock is tryLock that waits a moment: a process that its holder was just
// starting has the lock too, until it runs its own program.
func takeLock(path string) (l *lockFile, err error) {
	for range 50 {
		if l, err = tryLock(path); slipway.CodeOf(err) != slipway.Conflict {
			return l, err
		}
		time.Sleep(5 * time.Millisecond)
	}
	return nil, err
}

// Close gives the lock up for whoever was started with it, too.
func (l *lockFile) Close() error {
	return errors.Join(syscall.Flock(int(l.f.Fd()), syscall.LOCK_UN), l.f.Close())
}
