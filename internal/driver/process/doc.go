// Package process is the driver that runs instances as processes of this
// machine. Nothing it starts ends with the server.
//
//	server                         per instance
//	┌────────┐  unix socket      ┌──────┐  parent of   ┌───────┐
//	│ Driver │ ◄──── reports ─── │ shim │ ───────────► │ child │ ──► out.log
//	└────────┘                   └──────┘              └───────┘
//
// A [Driver] unpacks images, gives ports, writes down what an instance is and
// starts a shim for it: the same binary, detached. The shim ([RunShim]) owns
// the child. Each of the three may be killed or stopped alone:
//
//   - the server: shims and children run on, and the next driver listens to them;
//   - a shim: the child runs on, the driver starts another shim, which adopts it;
//   - the child: its shim starts it again, with backoff.
//
// Who runs is known by host boot, pid and start time (package procid), so nobody
// is mistaken for somebody who had its pid or port before.
//
// What a child starts, and those start, is in a control group where there can be
// one (package cgroup), is found by its mark and by its parents everywhere else,
// and ends with the child.
//
// Secrets are given through the socket, when the driver connects to a shim: they
// stay in the shim's memory, which nobody of its user may look into, and reach
// the program as variables or as files that are not on a disk where there is a
// place for that. A shim without them does not start its program.
//
// A child prints to its log, which its shim reads behind it: what it counts there
// can be late, and never holds the child up.
//
// Orders are files; messages only say that there may be one. On disk:
//
//	DIR/lock                  held by the one driver of DIR
//	DIR/fences/SERVICE.ENV    highest fence seen, replicas asked for
//	DIR/trees/DIGEST/         an unpacked image, read-only
//	DIR/instances/ID/         spec.json, state, stop, activity, active, out.log, out.times, out.said, shim.log, home, tmp
//	DIR/ended/…ID.log         the end of what a forgotten instance printed, for two weeks
package process
