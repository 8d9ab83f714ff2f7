// Package agent runs jobs. It is a client of the Buildkite Agent API: it asks
// the server for a job of its queue, checks the commit out, runs the step's
// command and streams the log.
//
//	register ─► connect ─► ping ⇄ (nothing to do)
//	                        │ ▲
//	                 accept ▼ │ finish
//	          start ─► checkout ─► command ─► rest of the log
//
// One agent runs one job at a time. A job ends by itself, or because it was
// cancelled, ran out of time, its agent stops, or its attempt is lost: when the
// server has not been heard for [slipway.LeaseFor] less [slipway.LeaseMargin],
// the job is killed, so that it is gone before the server gives it to another.
// A lost attempt is not reported: the server knows, and decides what follows.
//
// Of several servers on one store any will do: the attempt is the store's. When
// one does not answer, calls go to the next, and what was fetched from it as well.
//
// The command runs under a guard, a process of its own that ends everything the
// command started, when that is over or when the agent has died. See [Guard].
package agent
