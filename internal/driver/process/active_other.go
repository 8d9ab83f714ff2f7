//go:build !linux

package process

import "syscall"

// catches is not told by this system: a worker that can be told is trusted.
func catches(int, syscall.Signal) bool { return true }
