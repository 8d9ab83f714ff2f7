package slipway

import (
	"fmt"
	"time"
)

// Task is a command that a deployment wants to be run on an agent, at the
// commit of its release: the tests before traffic.
type Task struct {
	ID         TaskID
	Target     TargetID
	Deployment DeploymentID
	Release    int // number; its commit is checked out
	Label      string
	Command    string
	Queue      Queue
	Env        map[string]string
	Timeout    time.Duration
}

// TaskID names a task: asking for it again starts nothing anew.
type TaskID string

// TestsOf names the tests before traffic of a deployment.
func TestsOf(d DeploymentID) TaskID { return TaskID(fmt.Sprintf("deployment-%d.preview", d)) }

// TaskStatus is how far a task is.
type TaskStatus struct {
	State TaskState
	Why   string // why it failed
	Job   JobID  // that runs it, whose log is the task's
}

// TaskState is where a task is.
type TaskState string

const (
	TaskWaiting   TaskState = "waiting" // for an agent
	TaskRunning   TaskState = "running"
	TaskPassed    TaskState = "passed"
	TaskFailed    TaskState = "failed"
	TaskCancelled TaskState = "cancelled"
)

// Ended reports whether s is terminal.
func (s TaskState) Ended() bool {
	return s == TaskPassed || s == TaskFailed || s == TaskCancelled
}
