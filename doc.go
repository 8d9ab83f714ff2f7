// Package slipway is the vocabulary of Slipway, continuous deployment for
// microservices: every noun the program speaks of, its states, its limits and
// its errors. It does no I/O and imports the standard library only.
//
// A commit travels like this:
//
//	push ─► Build ─► Jobs on Agents ─► Image ─► Release ─► Deployment ─► Groups of Instances ─► Route
//
// A [Push] to a [Repository] makes a [Build]: one run of the pipeline found at
// that commit. Each command step of the pipeline becomes a [Job], which an
// [Agent] of the right [Queue] runs. A job publishes an image, which makes a
// [Release]: immutable, numbered per [Service]. Deploying a release to an
// [Environment] makes a [Revision] (the release with that environment's
// configuration) and a [Deployment], which moves the [Target] (a service in an
// environment) to it: a driver makes a group of [InstanceStatus] instances and
// a [Route] shifts traffic to them, stage by stage.
//
// Everything that happens leaves an [Event] with its [Actor]; every decision
// carries a [Why].
package slipway
