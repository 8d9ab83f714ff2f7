package view

import (
	"bytes"
	"context"
	"fmt"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// Build shows a build to p, with the releases that it published.
func (v *Viewer) Build(ctx context.Context, b slipway.Build, p slipway.Principal) (api.Build, error) {
	shown := v.build(b, p)
	releases, err := v.Store.ReleasesOfBuild(ctx, b.ID)
	if err != nil {
		return shown, err
	}
	for _, r := range releases {
		shown.Releases = append(shown.Releases, Release(r))
	}
	return shown, nil
}

// Builds shows several, without their releases.
func (v *Viewer) Builds(all []slipway.Build, p slipway.Principal) []api.Build {
	shown := make([]api.Build, 0, len(all))
	for _, b := range all {
		shown = append(shown, v.build(b, p))
	}
	return shown
}

func (v *Viewer) build(b slipway.Build, p slipway.Principal) api.Build {
	shown := api.Build{
		Repository: string(b.Push.Repository), Number: b.Number, URL: v.page("builds", b.Slug()),
		State: string(b.State), Why: b.Why, Branch: b.Push.Branch(), Tag: b.Push.Tag(),
		Commit: string(b.Commit.Commit), Subject: b.Commit.Subject(), Author: b.Commit.AuthorName,
		Actor: Actor(b.Push.Actor), CreatedAt: b.CreatedAt.UTC(),
		StartedAt: moment(b.StartedAt), FinishedAt: moment(b.FinishedAt), Jobs: []api.Job{},
	}
	for _, j := range b.Jobs {
		one := job(j)
		one.MayUnblock = j.State == slipway.JobBlocked && p.CanUnblock(v.Jobs.Reaches(&b, j.ID))
		shown.Jobs = append(shown.Jobs, one)
	}
	return shown
}

func job(j slipway.Job) api.Job {
	shown := api.Job{
		ID: string(j.ID), Kind: string(j.Step.Kind), Key: j.Step.Key, Label: j.Step.Title(),
		Command: j.Step.Command, Prompt: j.Step.Prompt, State: string(j.State), Why: j.Why,
		Attempts: len(j.Attempts), ReadyAt: moment(j.ReadyAt), FinishedAt: moment(j.FinishedAt),
	}
	if j.Step.Kind == slipway.StepCommand {
		shown.Queue = string(j.Step.Queue())
	}
	if j.Unblocked != nil {
		shown.Unblocked = new(Actor(j.Unblocked.By))
	}
	if a := j.Last(); a != nil {
		shown.Agent, shown.StartedAt = a.AgentName, moment(a.StartedAt)
		if a.State == slipway.AttemptFinished {
			shown.ExitStatus, shown.Signal = new(a.ExitStatus), a.Signal
		}
	}
	return shown
}

// Release shows a release.
func Release(r slipway.Release) api.Release {
	return api.Release{
		Service: string(r.Service), Number: r.Number, Repository: string(r.Repository),
		Commit: string(r.Commit), Subject: r.Subject, Image: string(r.Image), Build: r.BuildSlug,
		Actor: Actor(r.Actor), CreatedAt: r.CreatedAt.UTC(), PrunedAt: r.Pruned.UTC(),
	}
}

// Releases shows several, with the environments that each serves now.
func (v *Viewer) Releases(ctx context.Context, all []slipway.Release) ([]api.Release, error) {
	targets, err := v.Store.Targets(ctx)
	if err != nil {
		return nil, err
	}
	liveIn := map[string][]string{}
	environments, err := v.Store.Environments(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range environments {
		for _, t := range targets {
			if t.ID.Environment != e.Name || t.Stable == "" {
				continue
			}
			d, err := v.Store.Deployment(ctx, t.Stable.Deployment())
			if err != nil {
				return nil, err
			}
			name := slipway.ReleaseName(t.ID.Service, d.Release)
			liveIn[name] = append(liveIn[name], string(e.Name))
		}
	}
	shown := make([]api.Release, 0, len(all))
	for _, r := range all {
		one := Release(r)
		one.LiveIn = liveIn[r.String()]
		shown = append(shown, one)
	}
	return shown, nil
}

// Outcome is what came of a job in a few words: the release that it published,
// or how its deployment stands. A push prints it behind the job's line.
func (v *Viewer) Outcome(ctx context.Context, b slipway.Build, j slipway.Job) string {
	by := jobActor(b, j)
	releases, err := v.Store.ReleasesOfBuild(ctx, b.ID)
	if err == nil {
		for _, r := range releases {
			if r.Actor.Name == by {
				return fmt.Sprintf("%s  %s", r, r.Image.Short())
			}
		}
	}
	for _, env := range b.Authority.Deploy[j.Step.Queue()] {
		newest, err := v.Store.Deployments(ctx, slipway.DeploymentFilter{Environment: env}, recent)
		if err != nil {
			return ""
		}
		for _, d := range newest {
			if d.Build == b.Slug() && d.Actor.Name == by {
				return v.standing(ctx, d)
			}
		}
	}
	return ""
}

// standing says how a deployment stands: 3 of 3 ready.
func (v *Viewer) standing(ctx context.Context, d slipway.Deployment) string {
	ready := 0
	for _, g := range v.look(ctx).groups[d.Target] {
		if g.ID == d.Candidate {
			ready = g.Ready()
		}
	}
	if d.Phase != slipway.Succeeded {
		return fmt.Sprintf("deployment %d: %s", d.ID, d.Phase)
	}
	return fmt.Sprintf("%d of %d ready", ready, d.Want)
}

// jobActor is how a job is called when it acts.
func jobActor(b slipway.Build, j slipway.Job) string { return b.Slug() + " " + j.Step.Title() }

// Tail is the end of the log of a job's newest attempt, without colours.
func (v *Viewer) Tail(ctx context.Context, _ slipway.Build, j slipway.Job, n int) []string {
	return v.lastLogged(ctx, j.ID, n)
}

// lastLogged is the end of the log of a job's newest attempt. Of a line that
// began before what is read, the rest is shown.
func (v *Viewer) lastLogged(ctx context.Context, job slipway.JobID, n int) []string {
	size, err := v.Jobs.LogSize(ctx, job)
	if err != nil {
		return nil
	}
	var end []byte
	for offset := max(0, size-tailBytes); ; {
		data, next, err := v.Jobs.Log(ctx, job, 0, offset)
		if err != nil || next == offset {
			return lastLines(bytes.NewReader(v.hide(ctx, job, end)), n)
		}
		end, offset = append(end, data...), next
		end = end[max(0, len(end)-tailBytes):]
	}
}

// tailBytes is how much of a log is read to find its last lines in.
const tailBytes = 32 << 10
