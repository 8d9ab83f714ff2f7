package daemon

import "golang.org/x/sys/unix"

// free is how many bytes an ordinary user may still write to the disk of dir.
func free(dir string) (uint64, error) {
	var s unix.Statfs_t
	err := unix.Statfs(dir, &s)
	return uint64(s.Bavail) * uint64(s.Bsize), err
}

// files is how many files a process of this user may have open.
func files() (uint64, error) {
	var l unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l)
	return l.Max, err
}
