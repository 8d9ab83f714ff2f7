package controller

import (
	"context"
	"fmt"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/rollout"
)

// Request asks for a deployment.
type Request struct {
	Service     slipway.ServiceName
	Environment slipway.EnvironmentName
	Kind        slipway.DeploymentKind // "" means deploy
	Release     int                    // 0: the build's own, else the newest live in the environment before; rollback: the one that served before
	Actor       slipway.Actor
	Build       slipway.BuildID // of the job that asks; "" for a person
	Key         string          // asking again with the same key deploys once
	Override    string          // why the gates that may be overridden are; "" when they are not
}

// Deploy finds out what is to run, makes the revision and asks for a deployment
// to it, which starts as soon as its gates let it and the one before has ended.
//
// It returns NotFound for what is not there, Invalid when the release is not
// meant for the environment, and Conflict when there is nothing to go back to,
// or the target is just moving and it is not clear what to go back to.
func (c *Controller) Deploy(ctx context.Context, r Request) (slipway.Deployment, error) {
	all, err := c.environments(ctx)
	if err != nil {
		return slipway.Deployment{}, err
	}
	env, err := all.Find(r.Environment)
	if err != nil {
		return slipway.Deployment{}, err
	}
	if r.Kind == "" {
		r.Kind = slipway.KindDeploy
	}
	goal, err := c.resolve(ctx, r, env)
	if err != nil {
		return slipway.Deployment{}, err
	}
	id := slipway.TargetID{Service: r.Service, Environment: r.Environment}
	t, err := c.Store.EnsureTarget(ctx, slipway.Target{ID: id, Kind: goal.revision.Kind}, c.port)
	if err != nil {
		return slipway.Deployment{}, err
	}
	live, err := c.live(ctx, id)
	if err != nil {
		return slipway.Deployment{}, err
	}
	d := slipway.Deployment{
		Target: id, Kind: r.Kind, Actor: r.Actor, Build: goal.build, Key: r.Key,
		Release: goal.revision.Release, Revision: goal.revision.ID, Gates: goal.gates, Want: goal.want,
		From: live.Release, Stable: t.Stable,
		Stages: rollout.Compile(goal.revision.Rollout, goal.revision.Kind, t.Want, goal.want, t.Stable == ""),
		Phase:  slipway.Pending, CreatedAt: c.now(), Override: r.Override,
	}
	stored, _, err := c.Store.CreateDeployment(ctx, d, goal.revision, goal.want, asked(d, goal.words(r))...)
	if err != nil {
		return slipway.Deployment{}, err
	}
	c.notice(id)
	return stored, nil
}

// words say what was asked for: deploy thoughts-backend@14 to prod.
func (g goal) words(r Request) string {
	release := slipway.ReleaseName(r.Service, g.revision.Release)
	switch r.Kind {
	case slipway.KindRollback:
		return fmt.Sprintf("roll back to %s in %s", release, r.Environment)
	case slipway.KindRestart:
		return fmt.Sprintf("restart %s in %s", release, r.Environment)
	case slipway.KindDeploy:
	}
	return fmt.Sprintf("deploy %s to %s", release, r.Environment)
}
