package router

import "golang.org/x/sys/unix"

// bootClock is the time since the host's boot in nanoseconds, sleep included.
// No one can set it.
func bootClock() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		panic(err) // every kernel of this century has it
	}
	return t.Nano()
}
