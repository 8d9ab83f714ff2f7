// Package pipeline reads pipeline files and decides which jobs of a build may
// run now. It is pure: it does no I/O, reads no clock and draws no randomness.
//
// [Parse] takes Buildkite's format. Every key and value is checked against the
// source first, so that all problems are told at once, each with its position;
// what passed goes to the vendor's own library for its meaning. What Slipway
// does not do yet is an error that says so, never ignored.
//
// [Next] moves a build as far as it goes by itself:
//
//	waiting ─┬─► skipped   its branch filter says no; or a block with nothing left to run behind it
//	         ├─► broken    something that it needs failed
//	         ├─► ready     a command, everything that it needs is there
//	         ├─► passed    a wait
//	         └─► blocked   a block: a person moves it on
//
// A wait and a block need everything above them; a command needs the nearest
// wait or block above it. An explicit depends_on takes the place of that order,
// and `depends_on: ~` needs nothing.
package pipeline
