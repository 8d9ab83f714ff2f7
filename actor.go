package slipway

import (
	"slices"
	"time"
)

// Actor is who did something. Every push, unblock, deployment and rollback
// records one.
type Actor struct {
	Kind ActorKind
	Name string // a user's name, a job as "thoughts-backend/12 Deploy To Test", an agent's name
	For  string // the person a job acts for: who unblocked it, else who pushed
}

// ActorKind says what kind of thing acted.
type ActorKind string

const (
	ActorUser   ActorKind = "user"
	ActorJob    ActorKind = "job"
	ActorAgent  ActorKind = "agent"
	ActorRouter ActorKind = "router"
	ActorSystem ActorKind = "system" // Slipway itself: healing, rolling back, cleaning up
)

// System is Slipway itself.
var System = Actor{Kind: ActorSystem, Name: "slipway"}

// Person is the human to ask: the user, or whom a job acted for.
func (a Actor) Person() string {
	if a.For != "" {
		return a.For
	}
	return a.Name
}

// Role is what a user may do. Each includes the one before.
type Role string

const (
	Viewer   Role = "viewer"   // read everything but secrets
	Deployer Role = "deployer" // push, unblock, deploy, roll back
	Admin    Role = "admin"    // users, agents, everything
)

// Roles lists the roles, weakest first.
var Roles = []Role{Viewer, Deployer, Admin}

// Validate reports an Invalid error for an unknown role.
func (r Role) Validate() error {
	if !slices.Contains(Roles, r) {
		return Errorf(Invalid, "there is no role %q; there are viewer, deployer, admin", r)
	}
	return nil
}

// AtLeast reports whether r includes what other may do.
func (r Role) AtLeast(other Role) bool {
	return slices.Contains(Roles, r) && slices.Index(Roles, r) >= slices.Index(Roles, other)
}

// User is a person who may use this installation.
type User struct {
	Name         string
	Role         Role
	Environments []EnvironmentName // where a deployer may change things; empty means all
	CreatedAt    time.Time
}

// Principal is an authenticated caller and everything it may do. It is derived
// from a token, which is stored hashed; authority never comes from a request.
type Principal struct {
	Actor        Actor
	Role         Role              // users only
	Environments []EnvironmentName // users: limits changes, empty means all; jobs: may deploy to exactly these
	Queues       []Queue           // agents: may take jobs of exactly these
	Agent        AgentID           // agents: set once registered
	Job          *JobGrant         // jobs only
	Router       RouterID          // routers only
}

// JobGrant is what the token of one job attempt is bound to. It dies with the
// attempt.
type JobGrant struct {
	Build        BuildID
	Job          JobID
	Attempt      int
	Repository   RepositoryName
	Repositories []RepositoryName // may be fetched: its own and its submodules
}

// CanRead reports whether p may read services, builds, deployments and logs.
// Jobs read too: a deploy script looks at what is live.
func (p Principal) CanRead() bool { return p.Role != "" || p.Job != nil }

// CanPush reports whether p may push to repositories, creating them if need be.
func (p Principal) CanPush() bool { return p.Role == Deployer || p.Role == Admin }

// CanFetch reports whether p may clone and fetch repository r.
func (p Principal) CanFetch(r RepositoryName) bool {
	if p.Job != nil {
		return slices.Contains(p.Job.Repositories, r)
	}
	return p.Role != ""
}

// CanDeploy reports whether p may change what runs in env.
func (p Principal) CanDeploy(env EnvironmentName) bool {
	switch {
	case p.Job != nil:
		return slices.Contains(p.Environments, env)
	case p.Role == Admin:
		return true
	case p.Role == Deployer:
		return len(p.Environments) == 0 || slices.Contains(p.Environments, env)
	}
	return false
}

// Within lists the environments that p's changes are limited to; empty means
// all.
func (p Principal) Within() []EnvironmentName {
	if p.Role == Admin {
		return nil
	}
	return p.Environments
}

// CanUnblock reports whether p may let a build past a block behind which jobs
// may deploy to envs. A job never may.
func (p Principal) CanUnblock(envs []EnvironmentName) bool {
	if p.Job != nil || !p.CanPush() {
		return false
	}
	for _, env := range envs {
		if !p.CanDeploy(env) {
			return false
		}
	}
	return true
}

// CanAdminister reports whether p may manage users, agents and the installation.
func (p Principal) CanAdminister() bool { return p.Role == Admin }
