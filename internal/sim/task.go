package sim

import (
	"context"
	"time"

	"github.com/slipway-cd/slipway"
)

// task is a job of a deployment, on an agent far away.
type task struct {
	slipway.TaskStatus
	deployment slipway.DeploymentID
	next       time.Time // when it goes on
	ends       slipway.TaskState
}

// taskDoor is how a server reaches whoever runs tasks.
type taskDoor struct{ s *server }

func (d taskDoor) RunTask(_ context.Context, t slipway.Task) error {
	return d.s.call("run "+string(t.ID), func() error {
		d.s.checkTask(t)
		d.s.w.runTask(t)
		return nil
	})
}

func (d taskDoor) CancelTask(_ context.Context, id slipway.TaskID) error {
	return d.s.call("cancel "+string(id), func() error {
		if t := d.s.w.tasks[id]; t != nil && !t.State.Ended() {
			t.State, t.Why = slipway.TaskCancelled, "it was cancelled"
			d.s.w.saw("task", string(t.State))
			d.s.w.tell("     the tests of deployment %d are cancelled", t.deployment)
		}
		return nil
	})
}

func (d taskDoor) TaskStatus(_ context.Context, id slipway.TaskID) (status slipway.TaskStatus, err error) {
	err = d.s.call("status of "+string(id), func() error {
		t := d.s.w.tasks[id]
		if t == nil {
			return slipway.Errorf(slipway.NotFound, "no task %s", id)
		}
		status = t.TaskStatus
		return nil
	})
	return status, err
}

// OpenTasks is asked for when everything is swept, which nobody does here.
func (d taskDoor) OpenTasks(context.Context) ([]slipway.Task, error) { return nil, nil }

// runTask begins a task unless it is known.
func (w *World) runTask(of slipway.Task) {
	if w.tasks[of.ID] != nil {
		return
	}
	t := &task{deployment: of.Deployment, next: w.now.Add(w.between(0, 3*time.Second))}
	t.State, t.ends = slipway.TaskWaiting, slipway.TaskPassed
	switch w.rng.IntN(8) {
	case 0, 1:
		t.ends = slipway.TaskFailed
	case 2:
		t.ends = slipway.TaskCancelled
	case 3: // nobody takes it
		t.next = w.now.Add(24 * time.Hour)
	}
	w.tasks[of.ID] = t
	w.saw("task", string(t.State))
	w.tell("     deployment %d has tests to run", t.deployment)
}

// tested is how far the tests of a group are; "" when they were never begun.
func (w *World) tested(g slipway.GroupID) slipway.TaskState {
	if t := w.tasks[slipway.TestsOf(g.Deployment())]; t != nil {
		return t.State
	}
	return ""
}

// runTasks takes tasks further. Now and then one is forgotten by everybody, as
// by a queue that lost it: it will be asked for again.
func (w *World) runTasks() {
	for _, d := range w.store.deployments {
		id := slipway.TestsOf(d.ID)
		t := w.tasks[id]
		if t == nil || t.State.Ended() || w.now.Before(t.next) {
			continue
		}
		switch {
		case t.State == slipway.TaskWaiting:
			t.State, t.next = slipway.TaskRunning, w.now.Add(w.between(time.Second, 6*time.Second))
		case !w.calm && w.chance(8):
			delete(w.tasks, id)
			w.saw("task", "vanished")
			w.tell("     the tests of deployment %d are lost", d.ID)
			continue
		default:
			t.State, t.Why = t.ends, "exit 1"
		}
		w.saw("task", string(t.State))
		w.tell("     the tests of deployment %d are %s", d.ID, t.State)
	}
}
