package slipway

import "time"

// Router is one router process as it is registered: which one, and which
// process it was when it spoke last. It stays registered until a person forgets
// it, and blocks the removal of instances until it has spoken or its process is
// proven dead.
type Router struct {
	ID     RouterID
	Host   string // a name of the machine that outlives its boots
	Boot   string // of that machine when the process was started
	PID    int
	Start  uint64 // of the process, in clock ticks after the boot
	SeenAt time.Time
}
