// Package sim is a small world in which everything goes wrong, on purpose and
// repeatably: one seed is one story.
//
// In it the real planner and the real controller run, as one server or two over
// one store. Around them all is fake and ruled by one random number generator
// and one clock that only the story moves:
//
//	servers ──► store     leases and compare-and-swap; calls lost, answers lost; away; restored, here or elsewhere
//	        ──► driver    instances slow, never ready, crashing, dying after ready; refusing
//	        ──► routers   register, pull late, report late, restart, deaf or mute; give lent weights back
//	        ──► tasks     tests that pass, fail, are taken by nobody, are lost
//	        ──► gates     locks, freezes, approvals; others that end, that a person has to open, that look at a stage
//	people  ──► servers   deploy, roll back, restart, abort, replace, scale, remove, at bad moments
//	        ──► store     lock, declare, agree
//
// Releases come with any strategy and any options of it. Between any two calls
// of a server it may be killed, or suspended while the others go on and its
// lease runs out: then it comes back as a zombie and does what it was about to
// do. Its clock may be set, by seconds or by an hour.
//
// After every event the world is held to the invariants: what really runs and
// what routers really have, not what the planner believes. In the end the
// faults cease, and everything has to come to rest.
//
//	go test ./internal/sim -run Seeds -seeds 2000 -v   many worlds, and what they went through
//	go test ./internal/sim -run Seeds -seed 42         one of them, told
package sim
