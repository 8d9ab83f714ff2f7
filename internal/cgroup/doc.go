// Package cgroup puts processes into control groups (version 2) of their own,
// which they and all that they ever start stay in: whatever they do to their
// session, their parents and their environment, the kernel knows them, and ends
// them all at once.
//
// It asks for no controller, so nothing is limited and nothing else changes. It
// does not confine: a process that may write to the group above, as root may,
// can leave by moving itself.
//
// A group is made anew for each use. In one that was killed once, kernels have
// been seen to end at once whoever begins there.
//
// Where groups cannot be made (no cgroup2, not permitted, not Linux), [Own] says
// why, and the empty [Group] can be used like any other, without effect.
package cgroup
