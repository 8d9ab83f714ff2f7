package slipway

import "time"

// Event is an append-only record of something that happened, with its actor.
// Events are written in the transaction that they tell of.
type Event struct {
	Seq        int64 // given by the store, in commit order, without gaps that matter
	At         time.Time
	Kind       EventKind
	Actor      Actor
	Repository RepositoryName
	Build      string // slug
	Job        JobID
	Target     TargetID
	Deployment DeploymentID
	Text       string // one sentence for people
}

// EventKind names what happened, as noun.verb.
type EventKind string

const (
	RepositoryCreated    EventKind = "repository.created"
	RefPushed            EventKind = "ref.pushed"
	BuildCreated         EventKind = "build.created"
	BuildChanged         EventKind = "build.changed" // its state
	JobChanged           EventKind = "job.changed"   // its state
	JobUnblocked         EventKind = "job.unblocked"
	JobLost              EventKind = "job.lost"
	ReleasePublished     EventKind = "release.published"
	DeploymentAsked      EventKind = "deployment.asked"
	DeploymentPlanned    EventKind = "deployment.planned" // committed, not yet acted on
	DeploymentActed      EventKind = "deployment.acted"   // its actions were carried out
	DeploymentChanged    EventKind = "deployment.changed" // its phase
	TargetChanged        EventKind = "target.changed"     // steady state: healed, scaled
	DeploymentApproved   EventKind = "deployment.approved"
	DeploymentOverridden EventKind = "deployment.overridden" // a person asked for it over the gates that may be overridden
	DeploymentPromoted   EventKind = "deployment.promoted"   // a person let its stage pass without the rest of its hold and its evidence
	LockTaken            EventKind = "lock.taken"
	LockReleased         EventKind = "lock.released"
	EnvironmentsDeclared EventKind = "environments.declared"
	TargetAiling         EventKind = "target.ailing" // what serves cannot be healed, or has been
	AgentConnectedEv     EventKind = "agent.connected"
	AgentLostEv          EventKind = "agent.lost"
	ConfigSet            EventKind = "config.set"
	SecretSet            EventKind = "secret.set"
	SecretRetired        EventKind = "secret.retired"
	MasterKeyChanged     EventKind = "master_key.changed"
	UserAdded            EventKind = "user.added"
	ServerStarted        EventKind = "server.started"
	RouterForgotten      EventKind = "router.forgotten"
	StoragePruned        EventKind = "storage.pruned" // what is not kept was removed
)
