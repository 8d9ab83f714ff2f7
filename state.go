package slipway

import "time"

// State is everything a plan may look at: what is wanted, what was decided
// before, and what drivers and routers observed.
type State struct {
	// Committed: a decision's Next is stored whole, in one transaction.
	Target     Target
	Deployment *Deployment           // the one that moves, else the one that is pending, or nil
	Specs      map[GroupID]GroupSpec // groups that should exist, by ID: stable, candidate, leaving
	Draining   map[InstanceID]Drain  // instances on their way out
	Route      *Route                // the newest that was decided; nil before the first, and for workers

	// Observed, each time anew.
	ObservedAt Fence              // the target's fence when Groups and Routes were observed
	Revision   *Revision          // that the deployment moves to
	Groups     []GroupStatus      // all of the target's, complete
	Routes     []RouteStatus      // one per registered router
	Verdicts   map[GateID]Verdict // of the gates of the deployment: before its start, then of its stage
	Tasks      map[TaskID]TaskStatus
	Troubles   map[GroupID]Trouble // what the driver answered last, where it refused
}

// Trouble is a driver's refusal to keep a group.
type Trouble struct {
	Permanent bool // asking again cannot help
	Why       string
}

// Drain is an instance on its way out: out of the route since Fence, stopped
// once every router has acknowledged that and has nothing left in flight. It
// never comes back.
type Drain struct {
	Group   GroupID
	Fence   Fence // of a route without it
	Since   time.Time
	Stopped bool // stop was asked
}

// Decision is what a plan says: the state to commit, what to do then, when to
// look again at the latest, and why.
type Decision struct {
	Next    State // of the committed parts: Target, Deployment, Specs, Draining, Route
	Changed bool  // Next is not what is committed: commit it before acting
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
	Task     *Task      // run_task, cancel_task
}

// ActionKind says what an action does.
type ActionKind string

const (
	ApplyGroup     ActionKind = "apply_group"
	ApplyRoute     ActionKind = "apply_route"
	StopInstance   ActionKind = "stop"
	ForgetInstance ActionKind = "forget"
	RunTask        ActionKind = "run_task"
	CancelTask     ActionKind = "cancel_task"
)
