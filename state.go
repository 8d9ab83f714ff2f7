package slipway

import "time"

// State is everything a plan may look at: what is wanted, what was decided
// before, and what drivers and routers observed.
type State struct {
	Target     Target
	ObservedAt Fence                 // the target's fence when Groups and Routes were observed
	Deployment *Deployment           // the one that moves, or nil
	Specs      map[GroupID]GroupSpec // groups that should exist, by ID: stable, candidate, leaving
	Draining   map[InstanceID]Drain  // instances on their way out
	Groups     []GroupStatus         // observed: complete
	Routes     []RouteStatus         // observed: one per registered router
	Verdicts   map[GateID]Verdict
}

// Drain is an instance on its way out: out of the route since Fence, stopped
// once every router has acknowledged that and has nothing left in flight.
type Drain struct {
	Group   GroupID
	Fence   Fence // of the first route without it
	Since   time.Time
	Stopped bool // stop was asked
}

// Decision is what a plan says: the state to commit, what to do then, when to
// look again at the latest, and why.
type Decision struct {
	Next    State // of the committed parts: Target, Deployment, Specs, Draining
	Actions []Action
	Wake    time.Time // zero: only when something changes
	Why     []Why     // new since the last decision
}

// Action is something to do in the world, after the decision is committed. Its
// ID is the same each time it is planned, so acting twice is harmless.
type Action struct {
	ID       ActionID
	Kind     ActionKind
	Fence    Fence
	Group    *GroupSpec // apply_group
	Route    *Route     // apply_route
	Instance InstanceID // stop, forget
}

// ActionKind says what an action does.
type ActionKind string

const (
	ApplyGroup     ActionKind = "apply_group"
	ApplyRoute     ActionKind = "apply_route"
	StopInstance   ActionKind = "stop"
	ForgetInstance ActionKind = "forget"
)
