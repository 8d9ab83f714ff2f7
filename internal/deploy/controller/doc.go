// Package controller moves targets to where their plan says. It does one thing
// over and over, for each target, always in this order:
//
//	lease ─► load ─► observe ─► Plan ─► commit Next and its events ─► act
//	  ▲                                   (compare-and-swap)            │
//	  └────────────── a hint, a deadline, or the slow sweep ◄───────────┘
//
// What was committed is acted on, by this process or by whoever comes after it;
// what was not committed is never acted on. So a process may die between any
// two steps, and a process that was only believed dead cannot do harm: every
// act carries the fence of its commit, and those who act refuse older ones.
//
// Hints make it quick and are never needed: a target that moves is looked at
// again by itself, ever more seldom while nothing changes. A target at rest
// costs nothing.
package controller
