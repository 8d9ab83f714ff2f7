package slipway

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Deployment moves one target to a revision. It is a durable state machine
// with an actor.
//
//	pending ─► progressing ─► succeeded
//	   │            ├───────► rolling_back ─► rolled_back
//	   │            │              └────────► stuck
//	   │            └───────► failed           (nothing that served was touched)
//	   └─► superseded | cancelled | failed     (a gate said no)
type Deployment struct {
	ID         DeploymentID
	Target     TargetID
	Kind       DeploymentKind
	Release    int // number that it moves to
	From       int // release number that served before; 0 for the first
	Revision   RevisionID
	Phase      Phase
	Stable     GroupID  // that served when it started; "" for the first deployment
	Candidate  GroupID  // that it makes
	Want       int      // instances, when it is done; the target's scale from then on
	Written    int      `json:",omitempty"` // instances that its manifest says, which it gets when it starts unless a person asked for a scale; 0: as many as there are then
	Gates      []GateID // must pass before it starts
	Stages     []Stage
	At         int         // the stage it is in
	Since      time.Time   // it entered the stage
	Waiting    time.Time   // since when it lacks the ready instances that the stage asks for; zero while it has them
	Weight     BasisPoints // of the candidate, where a stage gives one
	Held       time.Time   // since when every router has the weight of the stage; zero while one has not
	HeldBy     []RouterID  `json:",omitempty"` // the routers that there were then
	Floor      int         // ready capacity must not fall below
	Touched    bool        // an old instance was taken out of traffic, or asked to stop
	Blamed     InstanceID  `json:",omitempty"` // for which it could not go on, or not go back; "" when no instance was the reason
	Asked      Intent
	Promoted   int           `json:",omitempty"` // stages that a person has let pass without waiting for their hold and their evidence
	Replaced   InstanceID    `json:",omitempty"` // of the candidate, which was worse than the others of its group
	Replace    bool          `json:",omitempty"` // what moved its target when it was asked for gives way to it
	Override   string        // why a person overrode the gates that may be; "" when nobody did
	Verdicts   []GateVerdict // what the gates that it asks now said last, in their order
	Passed     []GateVerdict `json:",omitempty"` // what the gates before its start said when they let it start
	Why        []Why         // newest last, bounded
	Actor      Actor
	Build      string   // slug of the build that asked, or ""
	Key        string   // idempotency key: asking twice deploys once
	Rollbacks  []string `json:",omitempty"` // idempotency keys of rollbacks that were asked for while it moved, and came to its going back; bounded
	CreatedAt  time.Time
	StartedAt  time.Time
	FinishedAt time.Time
}

// GiveWay asks d, which moves, to go back because of by, and reports whether that
// is new.
func (d *Deployment) GiveWay(by Deployment, at time.Time) bool {
	if d.Asked == AskedAbort || d.Phase == RollingBack {
		return false
	}
	d.Asked = AskedAbort
	d.Why = append(slices.Clip(d.Why), Why{At: at, Text: fmt.Sprintf("replaced by deployment %d", by.ID)})
	return true
}

// DeploymentKind says why a deployment was asked for.
type DeploymentKind string

const (
	KindDeploy   DeploymentKind = "deploy"
	KindRollback DeploymentKind = "rollback"
	KindRestart  DeploymentKind = "restart"
)

// Phase is where a deployment is.
type Phase string

const (
	Pending     Phase = "pending"
	Progressing Phase = "progressing"
	RollingBack Phase = "rolling_back"
	Succeeded   Phase = "succeeded"   // terminal
	RolledBack  Phase = "rolled_back" // terminal
	Failed      Phase = "failed"      // terminal: refused before anything that serves was touched
	Cancelled   Phase = "cancelled"   // terminal
	Superseded  Phase = "superseded"  // terminal: a newer one took its place while it was pending
	Stuck       Phase = "stuck"       // terminal: the old revision cannot start either; names what a person must do
)

// Ended reports whether p is terminal.
func (p Phase) Ended() bool {
	switch p {
	case Succeeded, RolledBack, Failed, Cancelled, Superseded, Stuck:
		return true
	case Pending, Progressing, RollingBack:
	}
	return false
}

// Intent is what a person has asked of a deployment that has not ended; "" is
// nothing.
type Intent string

const AskedAbort Intent = "abort"

// Stage is one step of a deployment's schedule. It is complete when the new
// group has New ready instances, every router has its weight, the tests before
// traffic have passed, the weight was held for Hold, its gates pass, and the old
// group has Old left. A strategy is compiled to stages; the plan, which moves
// from one to the next, knows no strategies.
type Stage struct {
	New     int           // instances of the new group
	Old     int           // instances of the old group
	Order   Order         // which comes first
	ByReady bool          // traffic follows the ready instances of both groups; else it follows Weight
	Weight  BasisPoints   // of the new group; the old one has the rest
	Leased  bool          // routers return a part to the old group by themselves when they do not hear of the server
	Passive bool          // workers: the new group does not take work yet
	Preview bool          // the tests before traffic have to pass
	Hold    time.Duration // from when every router has the weight
	Gates   []GateID      // have to pass once it was held; one that fails before ends the hold
}

// Order says whether new instances come before old ones go.
type Order string

const (
	Surge  Order = "surge"  // new first: capacity never falls
	Vacate Order = "vacate" // old first: for those who have no room for more
	Alone  Order = "alone"  // all old ones end before a new one starts: for what must never run twice
)

// Why is a decision in words a person can read.
type Why struct {
	At   time.Time
	Text string
}

// GateVerdict is what a gate said last of a deployment.
type GateVerdict struct {
	Gate GateID
	Verdict
}

// Verdict is what a gate says.
type Verdict struct {
	State    VerdictState
	Why      string
	Instance InstanceID `json:",omitempty"` // that has to be replaced
}

// GateEvidence looks at what is counted of the candidate and of what serves beside
// it.
const GateEvidence GateID = "evidence"

// Gist is the first word of why, which says what the others are about while their
// numbers change.
func (v Verdict) Gist() string {
	word, _, _ := strings.Cut(v.Why, " ")
	return word
}

// VerdictState is what a gate decided. No data is its own verdict, never a pass.
type VerdictState string

const (
	GatePass         VerdictState = "pass"
	GateFail         VerdictState = "fail"
	GateWait         VerdictState = "wait"
	GateInconclusive VerdictState = "inconclusive"
	GateReplace      VerdictState = "replace" // an instance of the candidate is worse than the others: it is the instance, not the release
)
