package blob

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-cd/slipway"
)

// holdWithin bounds how long another process is waited for, which holds the
// directory for a few calls of the file system.
const holdWithin = 10 * time.Second

// hold keeps everybody else, other processes too, from giving and taking names
// and changing ages. It returns Unavailable when another process does not let
// go.
func (s *Store) hold() (release func(), err error) {
	s.mu.Lock()
	for end := time.Now().Add(holdWithin); ; time.Sleep(time.Millisecond) {
		err := unix.Flock(int(s.gate.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return func() {
				_ = unix.Flock(int(s.gate.Fd()), unix.LOCK_UN)
				s.mu.Unlock()
			}, nil
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EWOULDBLOCK) && time.Now().Before(end):
			continue
		case errors.Is(err, unix.EWOULDBLOCK):
			err = slipway.Errorf(slipway.Unavailable, "another process holds the directory of blobs").Do("Try again.")
		}
		s.mu.Unlock()
		return nil, err
	}
}
