package slipway

import (
	"net/netip"
	"time"
)

// Target is a service in an environment: how many instances are wanted, which
// group is stable, and which fence its owner holds. It is what a controller
// loads, plans for and commits.
type Target struct {
	ID       TargetID
	Kind     Kind
	Port     int        // of its route; given when the target is first known, and kept; 0 for workers
	Want     int        // instances of the stable group; a deployment brings its own scale when it succeeds
	Asked    int        // scale that a person asked for and the plan has not taken up yet; 0: none
	Scale    int        // instances that a person asked for, which later deployments keep; 0: as many as the manifest says
	Removing bool       // a person asked that nothing of it runs any more; false again when nothing does
	Removed  time.Time  `json:",omitzero"` // since when nothing of it runs because a person asked for that; zero again when something new starts
	Stable   GroupID    // what serves; "" before the first deployment has succeeded
	Retained []Retained // groups that served before and are kept for an instant return, the newest last
	Preview  int        // port that leads to a candidate alone, on loopback; 0 until one is needed, then kept
	Previous RevisionID // that served before
	Lacking  time.Time  // since when, at rest, the stable group lacks ready instances; zero while it has them
	Ailing   bool       // it has lacked them for longer than healing takes, and people were told
	Fence    Fence
	Owner    string    // which server plans for it
	OwnedTil time.Time // by database time
}

// CheckOpen reports a Conflict when t is just being removed, and Stale when it has
// been: it has to be made anew before anything is deployed to it.
func (t Target) CheckOpen() error {
	switch {
	case t.Removing:
		return Errorf(Conflict, "%s is just being removed from %s", t.ID.Service, t.ID.Environment).
			Do("Ask again when nothing of it runs any more: slipway status %s", t.ID.Service)
	case t.Kind == Web && t.Port == 0:
		return Errorf(Stale, "%s was removed from %s meanwhile", t.ID.Service, t.ID.Environment)
	}
	return nil
}

// AnyPort asks for a port, whichever is free.
const AnyPort = -1

// Revision is immutable: a release with the configuration of one environment.
// It is what a group runs and what rolling back returns to.
type Revision struct {
	ID         RevisionID
	Target     TargetID
	Release    int // number
	Image      Digest
	Kind       Kind
	Run        Run // Env resolved: service, environment, addresses of needs
	Health     Health
	Rollout                    // how to move to it
	Config     int             `json:",omitempty"` // version of the environment's configuration; 0: none
	Secrets    []SecretVersion `json:",omitempty"` // sorted by name
	CreatedAt  time.Time
	Deployment DeploymentID // that made it
}

// Retained is a group that served before and runs on for a while, without
// traffic.
type Retained struct {
	Group GroupID
	Until time.Time
}

// SecretVersion is a secret in one of its versions.
type SecretVersion struct {
	Name    string
	Version int
}

// GroupSpec is what a driver is asked to keep existing: the instances that one
// deployment made of one revision.
type GroupSpec struct {
	ID       GroupID
	Target   TargetID
	Revision Revision
	Replicas int
	Active   bool // workers: each may take work once it is ready
	Fence    Fence
}

// GroupStatus is what a driver found of one group.
type GroupStatus struct {
	ID        GroupID
	Target    TargetID
	Revision  RevisionID // that it runs
	Fence     Fence      // highest the executor has seen for the target
	Replicas  int        // that it was last asked for
	Instances []InstanceStatus
}

// Ready counts instances that can serve.
func (g GroupStatus) Ready() int {
	n := 0
	for _, i := range g.Instances {
		if i.Phase == InstanceReady {
			n++
		}
	}
	return n
}

// InstanceStatus is one running copy, as its driver found it.
type InstanceStatus struct {
	ID        InstanceID
	Boot      string         // changes each time its process starts anew: host boot, pid and start time
	Addr      netip.AddrPort // where the router reaches it; zero for workers
	Phase     InstancePhase
	EverReady bool
	Active    bool      // as its group was asked for
	Since     time.Time // in this phase
	ReadyIn   time.Duration
	RetryAt   time.Time // backoff: when it starts again
	Restarts  int
	Why       string // why it is not ready: GET /readyz → 503 "warming cache"; exit 137

	// Only when its target alone is looked at; nil where that is not known.
	Said *Said `json:",omitempty"`
	Uses *Uses `json:",omitempty"`
}

// InstancePhase is where an instance is.
//
//	starting ─► ready ⇄ unready
//	   ▲          │
//	   └ backoff ◄┴─ (exit)        any ─► stopping ─► stopped
type InstancePhase string

const (
	InstanceStarting InstancePhase = "starting" // alive, never ready in this boot
	InstanceReady    InstancePhase = "ready"
	InstanceUnready  InstancePhase = "unready" // was ready, its probe fails now
	InstanceBackoff  InstancePhase = "backoff" // exited; starts again at RetryAt
	InstanceStopping InstancePhase = "stopping"
	InstanceStopped  InstancePhase = "stopped" // its name and port are kept until forgotten
)

// BasisPoints are hundredths of a percent: 10000 is all traffic.
type BasisPoints int

// All is the whole of a route's traffic.
const All BasisPoints = 10000

// Route is how a target's traffic is split over its groups.
type Route struct {
	Target   TargetID
	Fence    Fence
	Port     int
	Sticky   bool `json:",omitempty"` // a browser stays with the group that it was first sent to
	Shares   []Share
	Fallback GroupID       `json:",omitempty"` // gets all traffic when the lease has run out; "" when nothing is leased
	Lease    time.Duration `json:",omitempty"` // how long the weights hold after the server was heard last
	Preview  *PreviewDoor  `json:",omitempty"`
	Drain    time.Duration // an endpoint that left may finish what it has in flight for this long
}

// PreviewDoor is a port on loopback that leads to one group alone, whatever its
// weight.
type PreviewDoor struct {
	Group GroupID
	Port  int
}

// Share is one group's part of a route. Weights total [All] while any group is
// eligible, else 0.
type Share struct {
	Group     GroupID
	Release   int
	Weight    BasisPoints
	Protocol  Protocol   `json:",omitempty"` // "" is http1
	Endpoints []Endpoint // ready instances that may take traffic
}

// Endpoint is an instance as a router sees it. The boot keeps traffic from
// whoever has its address after a restart.
type Endpoint struct {
	Instance InstanceID
	Boot     string
	Addr     netip.AddrPort
}

// RouteStatus is what one router says of one target.
type RouteStatus struct {
	Router   RouterID
	Fence    Fence              // of the table it has acknowledged
	InFlight map[InstanceID]int // requests and streams, instances that left included while above zero
	Requests uint64             // since this router started
	Rate     float64            // requests per second, lately
	Errors   uint64             // 5xx answers, failed connects, resets
	Lapsed   bool               // its lease of the weights has run out: it sends everything to the fallback
	Heard    time.Time          // when it said so, by the clock of the server; zero: not known
	Keeps    time.Time          // since when it has given leased weights without a break; zero: not known
	Why      string             // what is wrong, for example a port that is taken
}

// Output says that what an instance printed is kept, and when that was, as far
// as it is known.
type Output struct {
	Instance InstanceID
	Since    time.Time
	Until    time.Time // zero while it may print more
	Gone     bool      // it is forgotten; the end of what it printed is kept
}
