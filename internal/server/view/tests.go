package view

import (
	"cmp"
	"context"
	"slices"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// tests shows the tests before traffic of a deployment; nil when it has none.
func (v *Viewer) tests(ctx context.Context, d slipway.Deployment, r slipway.Revision) (*api.Tests, error) {
	has := slices.ContainsFunc(d.Stages, func(s slipway.Stage) bool { return s.Preview })
	if !has || r.Preview == nil {
		return nil, nil
	}
	shown := planned(*r.Preview)
	b, err := v.Store.BuildOfTask(ctx, slipway.TestsOf(d.ID))
	if slipway.CodeOf(err) == slipway.NotFound || err == nil && len(b.Jobs) == 0 {
		return shown, nil
	}
	if err != nil {
		return nil, err
	}
	j := b.Jobs[0]
	shown.State, shown.Why, shown.Build, shown.Job = testState(j.State), j.Why, b.Slug(), string(j.ID)
	return shown, nil
}

func planned(p slipway.Preview) *api.Tests {
	return &api.Tests{
		Command: p.Command, Queue: string(p.Queue), TimeoutMS: cmp.Or(p.Timeout, slipway.DefaultPreviewTimeout).Milliseconds(),
	}
}

// tailTests adds the last lines of the log.
func (v *Viewer) tailTests(ctx context.Context, t *api.Tests) {
	if t == nil || t.Job == "" {
		return
	}
	t.LogTail = v.lastLogged(ctx, slipway.JobID(t.Job), tailLines)
}

func testState(s slipway.JobState) string {
	switch s {
	case slipway.JobPassed, slipway.JobRunning:
		return string(s)
	case slipway.JobCanceled:
		return string(slipway.TaskCancelled)
	case slipway.JobFailed, slipway.JobTimedOut, slipway.JobSkipped, slipway.JobBroken:
		return string(slipway.TaskFailed)
	case slipway.JobWaiting, slipway.JobReady, slipway.JobAssigned, slipway.JobBlocked:
	}
	return string(slipway.TaskWaiting)
}
