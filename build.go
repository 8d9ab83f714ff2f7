package slipway

import (
	"fmt"
	"time"
)

// Build is one run of a repository's pipeline for a commit, or of the one
// command of a task. It is loaded and saved whole, with its jobs.
//
//	running ⇄ blocked ─► passed | failed | canceled
type Build struct {
	ID           BuildID
	Number       int   // per repository, from 1
	Push         Push  // of a task: the ref that its commit came by, pushed by whoever asked for the deployment
	Task         *Task `json:",omitempty"` // that it runs; nil when a push made it
	Commit       CommitInfo
	Env          map[string]string // the pipeline's top-level env
	Repositories []RepositoryName  // jobs may fetch these: its own and its submodules
	Authority    Authority
	State        BuildState
	Why          string // why it failed, when that is not a job's own story
	Jobs         []Job  // in the order of the pipeline
	CreatedAt    time.Time
	StartedAt    time.Time // zero until the first job runs
	FinishedAt   time.Time // zero until it ended
}

// Slug names a build for people: thoughts-backend/12.
func (b *Build) Slug() string { return fmt.Sprintf("%s/%d", b.Push.Repository, b.Number) }

// Job finds a job by ID, or nil.
func (b *Build) Job(id JobID) *Job {
	for i := range b.Jobs {
		if b.Jobs[i].ID == id {
			return &b.Jobs[i]
		}
	}
	return nil
}

// Authority is what the jobs of a build may do, fixed by the server's policy
// over repository, ref and event when the build is created. Nothing in a pushed
// file can widen it.
type Authority struct {
	// Deploy says to which environments jobs of a queue may deploy.
	Deploy map[Queue][]EnvironmentName
	// Way is how a release travelled through the environments then.
	Way []Passage `json:",omitempty"`
}

// Passage is an environment on the way of a release, with where the release
// must come from.
type Passage struct {
	To   EnvironmentName
	From EnvironmentName `json:",omitempty"` // "" for the first
}

// BuildState is where a build is.
type BuildState string

const (
	BuildRunning  BuildState = "running"  // jobs wait for agents or run
	BuildBlocked  BuildState = "blocked"  // nothing left to do until a person unblocks
	BuildPassed   BuildState = "passed"   // terminal
	BuildFailed   BuildState = "failed"   // terminal
	BuildCanceled BuildState = "canceled" // terminal
)

// Ended reports whether s is terminal.
func (s BuildState) Ended() bool {
	return s == BuildPassed || s == BuildFailed || s == BuildCanceled
}

// StepKind says what a step does.
type StepKind string

const (
	StepCommand StepKind = "command" // runs on an agent
	StepWait    StepKind = "wait"    // passes when everything above passed
	StepBlock   StepKind = "block"   // waits for a person
)

// Step is a step as written in the pipeline file.
type Step struct {
	Kind      StepKind
	Key       string // unique in the build; may be empty
	Label     string
	Command   string // several commands are joined by newlines
	Env       map[string]string
	Agents    map[string]string // tags that an agent must have; "queue" always present on command steps
	Branches  string            // Buildkite's branch patterns; empty means all
	DependsOn []string          // keys; nil means the implicit order
	NoDepends bool              // depends_on: ~ starts at once
	// AllowFailure are those of DependsOn that may have failed.
	AllowFailure []string
	Timeout      time.Duration // 0: none
	Prompt       string        // block: what the person is asked
}

// Queue is the queue whose agents may run the step.
func (s Step) Queue() Queue { return Queue(s.Agents["queue"]) }

// Title is what people read: the label, else the key, else the first line of
// what it does.
func (s Step) Title() string {
	switch {
	case s.Label != "":
		return s.Label
	case s.Key != "":
		return s.Key
	case s.Kind == StepCommand:
		return firstLine(s.Command)
	}
	return string(s.Kind)
}

// Job is one step of one build. Command steps run on an agent, in one or more
// attempts; wait and block steps are jobs that no agent sees.
//
//	command  waiting ─► ready ─► assigned ─► running ─► passed | failed | timed_out | canceled
//	                      ▲─────── lost ◄───────┘
//	block    waiting ─► blocked ─► passed (unblocked)
//	any      waiting ─► skipped (its branch filter) | broken (something above failed)
type Job struct {
	ID         JobID
	Step       Step
	State      JobState
	Why        string // why it failed, was skipped or is broken
	Attempts   []Attempt
	Unblocked  *Unblock  // block: who let it pass
	Deployed   bool      // it has asked for a deployment: never re-run when lost
	ReadyAt    time.Time // when its last attempt could have started
	FinishedAt time.Time
}

// Last is the newest attempt, or nil.
func (j *Job) Last() *Attempt {
	if len(j.Attempts) == 0 {
		return nil
	}
	return &j.Attempts[len(j.Attempts)-1]
}

// JobState is where a job is.
type JobState string

const (
	JobWaiting  JobState = "waiting"   // for other jobs
	JobReady    JobState = "ready"     // for an agent
	JobAssigned JobState = "assigned"  // an agent has accepted it
	JobRunning  JobState = "running"   // its command runs
	JobBlocked  JobState = "blocked"   // block: waits for a person
	JobPassed   JobState = "passed"    // terminal
	JobFailed   JobState = "failed"    // terminal
	JobTimedOut JobState = "timed_out" // terminal
	JobCanceled JobState = "canceled"  // terminal
	JobSkipped  JobState = "skipped"   // terminal; counts as satisfied
	JobBroken   JobState = "broken"    // terminal; something it needs failed
)

// Ended reports whether s is terminal.
func (s JobState) Ended() bool {
	switch s {
	case JobPassed, JobFailed, JobTimedOut, JobCanceled, JobSkipped, JobBroken:
		return true
	case JobWaiting, JobReady, JobAssigned, JobRunning, JobBlocked:
	}
	return false
}

// Satisfied reports whether a job that depends on one in state s may run.
func (s JobState) Satisfied() bool { return s == JobPassed || s == JobSkipped }

// Attempt is one run of a job on one agent. Its token is its fence: writes of
// an attempt that is over are refused.
type Attempt struct {
	Number     int // from 1
	Agent      AgentID
	AgentName  string
	State      AttemptState
	LeaseUntil time.Time // the agent must be heard from before
	AssignedAt time.Time
	StartedAt  time.Time
	FinishedAt time.Time
	ExitStatus int
	Signal     string // SIGKILL; empty when it exited by itself
	Canceling  bool   // the agent is told to stop it
	// EndAs is what the job becomes once a canceling attempt has ended: canceled
	// or timed_out. EndBy is when it ends without a word from the agent.
	EndAs     JobState
	EndBy     time.Time
	TokenHash string // hex SHA-256 of its token, which dies with it
}

// Assignment is a job in the hands of an agent: all it needs to run it.
type Assignment struct {
	Build      Build
	Job        Job
	Attempt    Attempt
	Repository Repository
	Token      string // of the attempt; given once
}

// AttemptState is where an attempt is.
type AttemptState string

const (
	AttemptAssigned AttemptState = "assigned"
	AttemptRunning  AttemptState = "running"
	AttemptFinished AttemptState = "finished" // terminal
	AttemptLost     AttemptState = "lost"     // terminal: its lease ran out
)

// Unblock records who let a build past a block step.
type Unblock struct {
	By Actor
	At time.Time
}

// Agent is a process that runs jobs.
type Agent struct {
	ID           AgentID
	Name         string
	Queue        Queue
	Tags         map[string]string // includes queue
	Host         string
	Version      string
	State        AgentState
	RegisteredAt time.Time
	LastSeen     time.Time
}

// TestsOnly is the tag of an agent that runs nothing but tests before traffic.
// Each queue needs one: a job that deploys waits for the tests, and the agent
// that runs it has no hand free.
const TestsOnly = "tests-only"

// OnlyTests reports whether a runs nothing but tests before traffic.
func (a Agent) OnlyTests() bool { return a.Tags[TestsOnly] != "" }

// AgentState is where an agent is.
type AgentState string

const (
	AgentConnected    AgentState = "connected"
	AgentDisconnected AgentState = "disconnected" // it said so
	AgentLost         AgentState = "lost"         // it fell silent
)

// Matches reports whether the agent has every tag of want.
func (a Agent) Matches(want map[string]string) bool {
	for k, v := range want {
		if a.Tags[k] != v {
			return false
		}
	}
	return true
}

// Bounds of the agent protocol.
const (
	HeartbeatEvery = 5 * time.Second  // an agent is heard at least this often
	LeaseFor       = 25 * time.Second // an attempt unheard for this long is lost: found within 30 s
	LeaseMargin    = 5 * time.Second  // an agent ends its job this long before its lease does
	MaxLogBytes    = 64 << 20         // of one attempt; the rest is dropped, and said so
)
