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
	Before []Router `json:",omitempty"` // its processes before an upgrade, that may still serve what they had
}

// RouterPhase is how a router is, as far as is known.
type RouterPhase string

// Phases of a router. All but the last are waited for before an instance is
// stopped.
const (
	RouterServing RouterPhase = "serving"
	RouterSilent  RouterPhase = "silent"  // it was heard, but not lately
	RouterUnheard RouterPhase = "unheard" // not since the server started
	RouterEnded   RouterPhase = "ended"   // its process is proven to have ended
)

// RouterState is a router and how it is.
type RouterState struct {
	Router
	Phase    RouterPhase
	Version  uint64 // of the table in effect
	InFlight int
	Leaving  int    // processes before an upgrade that still serve what they had
	Lapsed   bool   // it sends traffic back by itself, as the server was not heard
	Why      string // what is wrong
}
