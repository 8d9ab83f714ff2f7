package git

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-cd/slipway"
)

// claimWithin bounds how long a push waits for who looks for unheard changes.
const claimWithin = 10 * time.Second

// A claim is the kernel's lock of a repository's directory, which ends with its
// process. Pushes of all servers share it; who looks for changes that nobody
// heard of has it alone, or would deliver what is being pushed in a name that is
// not the pusher's.
type claim struct{ dir *os.File }

// claim locks a repository, shared or alone. It returns Unavailable when others
// have it.
func (s *Server) claim(ctx context.Context, name slipway.RepositoryName, alone bool) (*claim, error) {
	dir, err := os.Open(s.path(name))
	if err != nil {
		return nil, err
	}
	how, end := unix.LOCK_SH, time.Now().Add(claimWithin)
	if alone {
		how, end = unix.LOCK_EX, time.Now()
	}
	for {
		err := unix.Flock(int(dir.Fd()), how|unix.LOCK_NB)
		switch {
		case err == nil:
			return &claim{dir}, nil
		case errors.Is(err, unix.EWOULDBLOCK) && time.Now().After(end):
			err = slipway.Errorf(slipway.Unavailable, "repository %s is busy", name).Do("push again in a moment")
		case errors.Is(err, unix.EWOULDBLOCK), errors.Is(err, unix.EINTR):
			select {
			case <-time.After(10 * time.Millisecond):
				continue
			case <-ctx.Done():
				err = ctx.Err()
			}
		}
		return nil, errors.Join(err, dir.Close())
	}
}

func (c *claim) release() { _ = c.dir.Close() }
