package process

import (
	"os"

	"golang.org/x/sys/unix"
)

// dropHead gives the first n bytes of f back to the disk. Nothing moves: what
// is written at the same time is kept, and offsets stay what they were.
func dropHead(f *os.File, n int64) error {
	return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, n)
}

// syncAll writes everything on dir's file system to the disk.
func syncAll(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return unix.Syncfs(int(d.Fd()))
}
