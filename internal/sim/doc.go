// Package sim is a small world in which everything goes wrong, on purpose and
// repeatably: one seed is one story.
//
// In it the real planner and the real controller run, twice, as two servers
// over one store. Around them all is fake and ruled by one random number
// generator and one clock that only the story moves:
//
//	servers ──► store     leases and compare-and-swap; calls lost, replies lost
//	        ──► driver    instances slow, never ready, crashing, dying after ready
//	        ──► routers   pull late, acknowledge late, restart, fall silent
//	people  ──► servers   deploy, roll back, restart, abort, at bad moments
//
// Between any two calls of a server it may be killed, or suspended while the
// others go on and its lease runs out: then it comes back as a zombie and does
// what it was about to do.
//
// After every event the world is held to the invariants: what really runs and
// what routers really have, not what the planner believes. In the end the
// faults cease, and everything has to come to rest.
package sim
