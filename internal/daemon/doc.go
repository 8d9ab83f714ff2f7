// Package daemon runs Slipway: the roles of the one binary, their
// configuration and their wiring. It is the only place that knows every
// package; everything else meets here through small interfaces.
//
//	slipway up       supervises one server, one router and an agent per queue
//	slipway server   API, pages, git, registry, controller, store
//	slipway router   the data plane: keeps serving without the server
//	slipway agent    runs jobs of one queue
//	slipway shim     owns one local instance
//
// Each can die alone. The supervisor restarts what dies; when it is killed
// itself, router and instances go on serving and the next `slipway up` adopts
// them.
package daemon
