//go:build !linux

package router

import "golang.org/x/sys/unix"

// bootClock is the time since some moment before this process, in nanoseconds.
// No one can set it.
func bootClock() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err)
	}
	return t.Nano()
}
