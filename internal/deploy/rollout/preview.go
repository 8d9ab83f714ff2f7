package rollout

import (
	"cmp"
	"fmt"
	"time"

	"github.com/slipway-cd/slipway"
)

// PreviewURL is the variable that holds the address of the candidate alone.
const PreviewURL = "SLIPWAY_PREVIEW_URL"

// test has the candidate tested before it gets traffic, and reports whether it
// has passed. The tests begin when the address of the candidate leads to it.
func (p *plan) test(d *slipway.Deployment, stage slipway.Stage) (passed bool) {
	preview := p.next.Specs[d.Candidate].Revision.Preview
	if !stage.Preview || preview == nil {
		return true
	}
	if !p.served(d.Candidate) {
		p.sayUnserved()
		return false
	}
	task := p.was.Tasks[slipway.TestsOf(d.ID)]
	switch task.State {
	case "":
		p.task = p.previewOf(d, *preview)
		p.say("tests @%d before it gets traffic: %s", d.Release, preview.Command)
	case slipway.TaskWaiting:
		p.say("the tests before traffic wait for an agent of queue %s", preview.Queue)
		p.lateTask(d, *preview)
	case slipway.TaskRunning:
	case slipway.TaskPassed:
		p.say("the tests before traffic passed")
		return true
	case slipway.TaskFailed, slipway.TaskCancelled:
		p.refuse(d, "the tests before traffic did not pass"+because(task.Why))
	}
	return false
}

// lateTask gives up on tests that no agent takes.
func (p *plan) lateTask(d *slipway.Deployment, preview slipway.Preview) {
	over := d.Since.Add(timeout(preview))
	if p.now.Before(over) {
		p.wakeAt(over)
		return
	}
	p.refuse(d, fmt.Sprintf("no agent of queue %s took the tests before traffic within %s: see slipway agents", preview.Queue, span(timeout(preview))))
}

func timeout(preview slipway.Preview) time.Duration {
	return cmp.Or(preview.Timeout, slipway.DefaultPreviewTimeout)
}

func (p *plan) previewOf(d *slipway.Deployment, preview slipway.Preview) *slipway.Task {
	return &slipway.Task{
		ID: slipway.TestsOf(d.ID), Target: d.Target, Deployment: d.ID, Release: d.Release, Label: "Tests before traffic",
		Command: preview.Command, Queue: preview.Queue, Timeout: timeout(preview),
		Env: map[string]string{PreviewURL: fmt.Sprintf("http://127.0.0.1:%d", p.next.Target.Preview)},
	}
}

// endTask cancels tests that nobody waits for any more.
func (p *plan) endTask(l *list) {
	d := p.next.Deployment
	if d == nil || p.task != nil {
		return
	}
	id := slipway.TestsOf(d.ID)
	task, known := p.was.Tasks[id]
	waits := d.Phase == slipway.Progressing && d.Stages[d.At].Preview
	if known && !task.State.Ended() && !waits {
		l.add(slipway.Action{Kind: slipway.CancelTask, Task: &slipway.Task{ID: id, Target: d.Target, Deployment: d.ID}}, string(id))
	}
}
