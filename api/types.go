// Package api holds the wire types of Slipway's own HTTP API and its Go client.
// It imports the standard library only and promises compatibility: fields are
// added, never changed.
//
// Durations are milliseconds, times RFC 3339 in UTC, absent times omitted.
package api

import "time"

// Actor is who did something.
type Actor struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	For  string `json:"for,omitempty"`
}

// Board is the whole picture: services by environments.
type Board struct {
	Environments []string       `json:"environments"`
	Services     []BoardService `json:"services"`
}

// BoardService is one row of the board.
type BoardService struct {
	Name    string     `json:"name"`
	Kind    string     `json:"kind"`
	Owner   string     `json:"owner,omitempty"`
	Removed *time.Time `json:"removed,omitempty"` // since when nothing of it runs anywhere, because people asked for that
	Targets []Target   `json:"targets"`           // one per environment, in their order; Release 0: nothing runs
}

// Target is a service in an environment.
type Target struct {
	Service     string      `json:"service"`
	Environment string      `json:"environment"`
	URL         string      `json:"url,omitempty"` // of its route
	Release     int         `json:"release"`       // that serves; 0: none
	Commit      string      `json:"commit,omitempty"`
	Since       *time.Time  `json:"since,omitempty"`
	Actor       *Actor      `json:"actor,omitempty"` // who moved it
	Want        int         `json:"want"`
	Ready       int         `json:"ready"`
	Health      string      `json:"health"` // healthy, degraded, down, none; unknown when the drivers cannot be asked
	Why         string      `json:"why,omitempty"`
	Requests    uint64      `json:"requests"`
	Errors      uint64      `json:"errors"`
	Rate        float64     `json:"rate"` // requests per second, lately
	Instances   []Instance  `json:"instances"`
	Lock        *Lock       `json:"lock,omitempty"`   // that keeps deployments from starting
	Moving      *Deployment `json:"moving,omitempty"` // the deployment that moves it
	Last        *Deployment `json:"last,omitempty"`   // the newest one that ended
	Scale       int         `json:"scale,omitempty"`  // instances that a person asked for; 0: as many as the manifest says
	Retained    []Retained  `json:"retained,omitempty"`
	Ailing      bool        `json:"ailing,omitempty"`   // what serves lacks instances for longer than healing takes
	Removing    bool        `json:"removing,omitempty"` // it is taken away
	Removed     *time.Time  `json:"removed,omitempty"`  // since when nothing of it runs, because a person asked for that
}

// Retained is a group that served before and runs on without traffic, for an
// instant return.
type Retained struct {
	Group   string    `json:"group"`
	Release int       `json:"release"`
	Until   time.Time `json:"until"`
}

// Scale asks for a number of instances, now and of every later deployment.
type Scale struct {
	Instances int `json:"instances"` // 0: as many as the manifest says
}

// Instance is one running copy.
type Instance struct {
	ID       string     `json:"id"`
	Group    string     `json:"group"`
	Release  int        `json:"release"`
	Phase    string     `json:"phase"`
	Address  string     `json:"address,omitempty"`
	Since    *time.Time `json:"since,omitempty"`
	ReadyMS  int64      `json:"ready_ms,omitempty"`
	Restarts int        `json:"restarts"`
	InFlight int        `json:"in_flight"`
	Why      string     `json:"why,omitempty"`

	// Only of one target or one deployment, and where it is known.
	Uses    *Uses    `json:"uses,omitempty"`
	Printed *Printed `json:"printed,omitempty"`
}

// Uses is what the processes of an instance use.
type Uses struct {
	CPUMS  int64   `json:"cpu_ms"` // of processors, since it was started
	Busy   float64 `json:"busy"`   // processors that it keeps busy now
	Memory int64   `json:"memory"` // bytes
}

// Printed is what an instance has said so far.
type Printed struct {
	Warnings uint64 `json:"warnings"`
	Errors   uint64 `json:"errors"` // an exception with all of its lines is one
}

// Build is one run of a pipeline.
type Build struct {
	Repository string     `json:"repository"`
	Number     int        `json:"number"`
	URL        string     `json:"url"`
	State      string     `json:"state"`
	Why        string     `json:"why,omitempty"`
	Branch     string     `json:"branch,omitempty"`
	Tag        string     `json:"tag,omitempty"`
	Commit     string     `json:"commit"`
	Subject    string     `json:"subject"`
	Author     string     `json:"author"`
	Actor      Actor      `json:"actor"`
	CreatedAt  time.Time  `json:"created_at"`
	StartedAt  *time.Time `json:"started_at,omitempty"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
	Jobs       []Job      `json:"jobs"`
	Releases   []Release  `json:"releases,omitempty"` // that it published
}

// Job is one step of one build.
type Job struct {
	ID         string     `json:"id"`
	Kind       string     `json:"kind"` // command, wait, block
	Key        string     `json:"key,omitempty"`
	Label      string     `json:"label"`
	Queue      string     `json:"queue,omitempty"`
	Command    string     `json:"command,omitempty"`
	Prompt     string     `json:"prompt,omitempty"`
	State      string     `json:"state"`
	Why        string     `json:"why,omitempty"`
	Attempts   int        `json:"attempts"`
	Agent      string     `json:"agent,omitempty"`
	ExitStatus *int       `json:"exit_status,omitempty"`
	Signal     string     `json:"signal,omitempty"`
	Unblocked  *Actor     `json:"unblocked_by,omitempty"`
	MayUnblock bool       `json:"may_unblock,omitempty"` // the caller may, now
	ReadyAt    *time.Time `json:"ready_at,omitempty"`
	StartedAt  *time.Time `json:"started_at,omitempty"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
}

// Release is an image with its manifest, numbered per service.
type Release struct {
	Service    string    `json:"service"`
	Number     int       `json:"number"`
	Repository string    `json:"repository"`
	Commit     string    `json:"commit"`
	Subject    string    `json:"subject"`
	Image      string    `json:"image"` // digest
	Build      string    `json:"build,omitempty"`
	Actor      Actor     `json:"actor"`
	CreatedAt  time.Time `json:"created_at"`
	LiveIn     []string  `json:"live_in,omitempty"`  // environments it serves now
	PrunedAt   time.Time `json:"pruned_at,omitzero"` // since when its image is not kept any more
}

// PublishRelease asks for a release of an image that was pushed. Publishing the
// same digest from the same build again returns the same release.
type PublishRelease struct {
	Service  string `json:"service"`
	Image    string `json:"image"`    // digest
	Manifest string `json:"manifest"` // text of slipway.yaml
	Path     string `json:"path"`     // of the manifest in the repository
}

// CreateDeployment asks for a deployment.
type CreateDeployment struct {
	Service     string `json:"service"`
	Environment string `json:"environment"`
	Kind        string `json:"kind"`               // deploy, rollback, restart
	Release     int    `json:"release,omitempty"`  // 0: deploy picks the job's own or the newest live in the environment before; rollback the one that served before
	Key         string `json:"key,omitempty"`      // idempotency key; the same key returns the same deployment. A job's is given by the server
	Override    string `json:"override,omitempty"` // why the gates that may be overridden are
	Older       bool   `json:"older,omitempty"`    // deploy: a release that is older than the live one will do
	Replace     bool   `json:"replace,omitempty"`  // what moves the target gives way to it
}

// Promote lets a stage pass without the rest of its hold and its evidence.
type Promote struct {
	Stage int    `json:"stage,omitempty" minimum:"0"` // from 1; one that has passed already is not promoted twice. 0: the one that it is in
	Why   string `json:"why,omitempty" maxLength:"500"`
}

// Plan is what a deployment would do, if it began now.
type Plan struct {
	Service     string   `json:"service"`
	Environment string   `json:"environment"`
	Kind        string   `json:"kind"`
	From        int      `json:"from"` // release; 0: nothing serves
	Release     int      `json:"release"`
	Strategy    string   `json:"strategy"`
	Have        int      `json:"have"` // instances that serve now
	Want        int      `json:"want"`
	Text        string   `json:"text"`  // the plan in a sentence
	Gates       []Gate   `json:"gates"` // before the start, as they are now
	Stages      []Stage  `json:"stages"`
	Tests       *Tests   `json:"tests,omitempty"`
	KeepOldMS   int64    `json:"keep_old_ms,omitempty"` // how long the old group is kept for an instant return
	Limits      []string `json:"limits"`                // what the driver cannot promise
}

// Gate is a condition of a deployment, and what it says.
type Gate struct {
	Gate  string `json:"gate"`
	State string `json:"state"` // pass, fail, wait, inconclusive
	Why   string `json:"why"`
}

// Tests are the tests before traffic of a deployment.
type Tests struct {
	Command   string   `json:"command"`
	Queue     string   `json:"queue"`
	TimeoutMS int64    `json:"timeout_ms"`
	State     string   `json:"state,omitempty"` // waiting, running, passed, failed, cancelled; "" before they were asked for
	Why       string   `json:"why,omitempty"`
	Build     string   `json:"build,omitempty"` // whose only job they are
	Job       string   `json:"job,omitempty"`   // whose log is theirs
	LogTail   []string `json:"log_tail,omitempty"`
}

// Deployment moves one target to a revision.
type Deployment struct {
	ID          int64      `json:"id"`
	URL         string     `json:"url"`
	Service     string     `json:"service"`
	Environment string     `json:"environment"`
	Kind        string     `json:"kind"`
	From        int        `json:"from"` // release; 0: nothing served
	Release     int        `json:"release"`
	Strategy    string     `json:"strategy"`
	Phase       string     `json:"phase"` // pending, progressing, rolling_back, succeeded, rolled_back, failed, cancelled, superseded, stuck
	Ended       bool       `json:"ended"`
	Want        int        `json:"want"`
	At          int        `json:"at"` // index of the stage it is in
	Stages      []Stage    `json:"stages"`
	NewReady    int        `json:"new_ready"`
	OldReady    int        `json:"old_ready"`
	Weight      int        `json:"weight"` // of the new group, basis points
	Requests    uint64     `json:"requests"`
	Errors      uint64     `json:"errors"`
	Rate        float64    `json:"rate"`               // requests per second, lately
	Instances   []Instance `json:"instances"`          // of both groups
	Why         []Why      `json:"why"`                // newest last
	Blamed      string     `json:"blamed,omitempty"`   // the instance for which it failed
	LogTail     []string   `json:"log_tail,omitempty"` // last lines of that instance
	Actor       Actor      `json:"actor"`
	Build       string     `json:"build,omitempty"`
	Override    string     `json:"override,omitempty"` // why its actor went over the gates that may be overridden
	CreatedAt   time.Time  `json:"created_at"`
	StartedAt   *time.Time `json:"started_at,omitempty"`
	FinishedAt  *time.Time `json:"finished_at,omitempty"`
	StageSince  *time.Time `json:"stage_since,omitempty"` // when it entered the stage
	HeldSince   *time.Time `json:"held_since,omitempty"`  // when every router had the weight of the stage
	Gates       []Gate     `json:"gates,omitempty"`       // what its gates said last
	Passed      []Gate     `json:"passed,omitempty"`      // what the gates before its start said when they let it start
	Tests       *Tests     `json:"tests,omitempty"`       // before traffic
	Evidence    *Evidence  `json:"evidence,omitempty"`    // by which its candidate is judged; in lists the verdict of what moves, without its pictures
}

// Stage is one step of a deployment's schedule.
type Stage struct {
	New    int    `json:"new"`
	Old    int    `json:"old"`
	Title  string `json:"title"` // 1 of 3, tests, 10 %
	Weight int    `json:"weight"`

	Order    string   `json:"order"`              // surge, vacate, alone
	Weighted bool     `json:"weighted,omitempty"` // traffic follows Weight, not what is ready
	Leased   bool     `json:"leased,omitempty"`   // routers take the weight back when they do not hear of the server
	Tests    bool     `json:"tests,omitempty"`    // the tests before traffic have to pass
	HoldMS   int64    `json:"hold_ms,omitempty"`
	Gates    []string `json:"gates,omitempty"`
}

// Why is a decision in words.
type Why struct {
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

// Event is something that happened.
type Event struct {
	Seq         int64     `json:"seq"`
	At          time.Time `json:"at"`
	Kind        string    `json:"kind"`
	Actor       Actor     `json:"actor"`
	Repository  string    `json:"repository,omitempty"`
	Build       string    `json:"build,omitempty"`
	Job         string    `json:"job,omitempty"`
	Service     string    `json:"service,omitempty"`
	Environment string    `json:"environment,omitempty"`
	Deployment  int64     `json:"deployment,omitempty"`
	Text        string    `json:"text"`
}

// User is a person who may use this installation.
type User struct {
	Name         string   `json:"name"`
	Role         string   `json:"role"`
	Environments []string `json:"environments,omitempty"`
}

// CreateUser adds a person; Token in the answer is shown once.
type CreateUser = User

// CreatedUser is a user with the token, which is shown once.
type CreatedUser struct {
	User
	Token string `json:"token"`
}

// LoginLink logs a browser in once, within ten minutes.
type LoginLink struct {
	URL       string    `json:"url"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Whoami is the caller as the server sees it.
type Whoami struct {
	Actor        Actor    `json:"actor"`
	Role         string   `json:"role,omitempty"`
	Environments []string `json:"environments,omitempty"`
	Build        string   `json:"build,omitempty"` // jobs: slug
	Version      string   `json:"version"`         // of the server
}

// Agent is a process that runs jobs.
type Agent struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Queue    string    `json:"queue"`
	Tests    bool      `json:"tests_only,omitempty"` // it runs nothing but tests before traffic
	State    string    `json:"state"`
	LastSeen time.Time `json:"last_seen"`
}

// List is the answer of every call that lists.
type List[T any] struct {
	Items []T `json:"items"`
}

// EventPage is a part of the event log, oldest first.
type EventPage struct {
	Items []Event `json:"items"`
	Next  int64   `json:"next"` // after which to ask for more
	More  bool    `json:"more"` // there are more now
}

// Unblock names the block step to pass: its job's ID or key. Empty means the
// only one that is blocked.
type Unblock struct {
	Job string `json:"job,omitempty"`
}

// CreateAgentToken asks for a token with which agents of these queues register.
type CreateAgentToken struct {
	Queues []string `json:"queues"`
}

// AgentToken is shown once.
type AgentToken struct {
	Token  string   `json:"token"`
	Queues []string `json:"queues"`
}
