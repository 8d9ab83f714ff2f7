package smalldisk

import (
	"fmt"
	"syscall"
)

func mount(dir string, bytes int) error {
	return syscall.Mount("slipway", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", bytes))
}

func unmount(dir string) error { return syscall.Unmount(dir, 0) }
