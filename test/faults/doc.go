// Package faults hurts real Slipways and counts what is lost.
//
// Every test brings up an installation of its own (package yard) with a service
// that behaves as told (package gauge), puts it under load (package load) or has
// it take the messages of a real broker, and does to it what happens to computers:
// processes are killed and stopped, routers cut off, disks full, databases
// restored, requests ambiguous. At the end nothing is lost but what a killed
// instance had in its own hands, nothing is done twice, and every deployment has
// ended as its version deserves.
//
// Tests that mostly wait run beside each other, after those that measure how soon
// something is there again, or that change the machine for all.
//
// Without SLIPWAY_FAULTS=full each test is a short one, so that none rots.
// `make test-faults` sets it, and ends with a table.
package faults
