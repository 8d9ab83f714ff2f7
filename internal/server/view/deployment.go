package view

import (
	"bufio"
	"context"
	"io"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/ansi"
	"github.com/slipway-cd/slipway/internal/deploy/evidence"
)

// Deployment shows one deployment with what runs of it now and, when it
// failed, the last lines of the instance that failed it.
func (v *Viewer) Deployment(ctx context.Context, d slipway.Deployment) (api.Deployment, error) {
	now := v.lookAt(ctx, d.Target)
	routes, _ := v.Routes.Observe(ctx, d.Target) // without them there are no counts
	l, err := v.live(ctx, now.groups[d.Target], routes)
	if err != nil {
		return api.Deployment{}, err
	}
	shown, err := v.deployment(ctx, d, l)
	if err != nil {
		return shown, err
	}
	r, err := v.Store.Revision(ctx, d.Revision)
	if err != nil {
		return shown, err
	}
	if shown.Evidence, err = v.weighed(ctx, d, r); err != nil {
		return shown, err
	}
	if e := shown.Evidence; e != nil && bad(e) && d.Blamed == "" {
		d.Blamed = slipway.InstanceID(e.Worst)
		shown.Blamed = e.Worst
	}
	shown.LogTail = v.tailBlamed(ctx, d)
	v.tailTests(ctx, shown.Tests)
	return shown, nil
}

// bad reports whether somebody will want to know what a candidate printed.
func bad(e *api.Evidence) bool {
	return e.Verdict == string(evidence.Rollback) || e.Verdict == string(evidence.Worse)
}

// Deployments shows several, without logs.
func (v *Viewer) Deployments(ctx context.Context, all []slipway.Deployment) ([]api.Deployment, error) {
	now := v.look(ctx)
	shown := make([]api.Deployment, 0, len(all))
	for _, d := range all {
		l, err := v.live(ctx, now.groups[d.Target], nil)
		if err != nil {
			return nil, err
		}
		one, err := v.deployment(ctx, d, l)
		if err != nil {
			return nil, err
		}
		shown = append(shown, one)
	}
	return shown, nil
}

func (v *Viewer) deployment(ctx context.Context, d slipway.Deployment, l liveness) (api.Deployment, error) {
	r, err := v.Store.Revision(ctx, d.Revision)
	if err != nil {
		return api.Deployment{}, err
	}
	shown := api.Deployment{
		ID: int64(d.ID), URL: v.page("deployments", d.ID),
		Service: string(d.Target.Service), Environment: string(d.Target.Environment),
		Kind: string(d.Kind), From: d.From, Release: d.Release, Strategy: string(r.Strategy),
		Phase: string(d.Phase), Ended: d.Phase.Ended(), Want: d.Want, At: d.At,
		NewReady: l.readyIn[d.Candidate], Requests: l.requests, Errors: l.errors, Rate: l.rate,
		Stages: stages(d.Stages, r.Kind), Instances: []api.Instance{}, Why: []api.Why{},
		Actor: Actor(d.Actor), Build: d.Build, Override: d.Override, Blamed: string(d.Blamed),
		CreatedAt: d.CreatedAt.UTC(), StartedAt: moment(d.StartedAt), FinishedAt: moment(d.FinishedAt),
	}
	if d.Stable != "" {
		shown.OldReady = l.readyIn[d.Stable]
	}
	shown.Weight = weight(d, shown.NewReady, shown.OldReady)
	if !d.Phase.Ended() && d.Phase != slipway.Pending {
		shown.StageSince, shown.HeldSince = moment(d.Since), moment(d.Held)
	}
	for _, said := range d.Verdicts {
		shown.Gates = append(shown.Gates, gate(said))
	}
	for _, said := range d.Passed {
		shown.Passed = append(shown.Passed, gate(said))
	}
	if shown.Tests, err = v.tests(ctx, d, r); err != nil {
		return shown, err
	}
	for _, i := range l.instances {
		if i.Group == string(d.Candidate) || d.Stable != "" && i.Group == string(d.Stable) {
			shown.Instances = append(shown.Instances, i)
		}
	}
	for _, w := range d.Why {
		shown.Why = append(shown.Why, api.Why{At: w.At.UTC(), Text: w.Text})
	}
	return shown, nil
}

// weight is the new group's part of the traffic, in basis points.
func weight(d slipway.Deployment, newReady, oldReady int) int {
	switch {
	case d.Phase == slipway.Succeeded:
		return int(slipway.All)
	case d.Phase.Ended(), d.Phase == slipway.Pending, newReady+oldReady == 0:
		return 0
	case d.At < len(d.Stages) && !d.Stages[d.At].ByReady:
		if d.Phase == slipway.RollingBack {
			return 0 // it went back at once
		}
		return int(d.Weight)
	}
	return int(slipway.All) * newReady / (newReady + oldReady)
}

const tailLines = 10

// tailBlamed is the end of what the instance printed for which a deployment
// failed.
func (v *Viewer) tailBlamed(ctx context.Context, d slipway.Deployment) []string {
	if d.Blamed == "" {
		return nil
	}
	r, err := v.Output.Logs(ctx, d.Target, d.Blamed, tailLines, false)
	if err != nil {
		return nil
	}
	defer func() { _ = r.Close() }()
	return lastLines(r, tailLines)
}

// lastLines keeps the last n lines of r, safe to show, each up to a bound.
func lastLines(r io.Reader, n int) []string {
	var lines []string
	in := bufio.NewReaderSize(io.LimitReader(r, slipway.MaxLogBytes), 4<<10)
	for {
		line, rest, err := in.ReadLine()
		if err != nil {
			return lines
		}
		if lines = append(lines, ansi.Plain(string(line))); len(lines) > n {
			lines = lines[1:]
		}
		for rest && err == nil {
			_, rest, err = in.ReadLine()
		}
	}
}
