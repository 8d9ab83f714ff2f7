package controller

import (
	"cmp"
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
	Older       bool            // deploy: a release that is older than the live one will do
	Replace     bool            // what moves the target gives way: it goes back, and this one starts when it is gone
	Override    string          // why the gates that may be overridden are; "" when they are not
}

// Deploy finds out what is to run, makes the revision and asks for a deployment
// to it, which starts as soon as its gates let it and the one before has ended.
// Rolling back while a deployment moves is aborting that one, which is then
// returned.
//
// It returns NotFound for what is not there, Invalid when the release is not
// meant for the environment, and Conflict when there is nothing to go back to,
// when the release is older than the live one and that was not asked for, or
// when the target is just moving or being removed.
func (c *Controller) Deploy(ctx context.Context, r Request) (slipway.Deployment, error) {
	env, err := c.environment(ctx, r.Environment)
	if err != nil {
		return slipway.Deployment{}, err
	}
	r.Kind = cmp.Or(r.Kind, slipway.KindDeploy)
	if d, err := c.turnBack(ctx, r); d.ID != 0 || err != nil {
		return d, err
	}
	goal, err := c.aim(ctx, r, env)
	if err != nil {
		return slipway.Deployment{}, err
	}
	var stored slipway.Deployment
	err = c.insist(func() (err error) {
		stored, err = c.begin(ctx, r, goal)
		return err
	})
	return stored, err
}

// begin makes the target and asks for the deployment. Whatever comes of that, the
// target is looked at: an answer may be lost when the question was heard.
func (c *Controller) begin(ctx context.Context, r Request, g goal) (slipway.Deployment, error) {
	t, err := c.ensureTarget(ctx, g.revision)
	if err != nil {
		return slipway.Deployment{}, err
	}
	defer c.notice(t.ID)
	d, err := c.propose(ctx, r, g, t)
	if err != nil {
		return slipway.Deployment{}, err
	}
	stored, _, err := c.Store.CreateDeployment(ctx, d, g.revision, g.want, asked(d, g.words(r))...)
	return stored, err
}

// environment is a declared one. It returns NotFound, with the known ones.
func (c *Controller) environment(ctx context.Context, name slipway.EnvironmentName) (slipway.Environment, error) {
	all, err := c.environments(ctx)
	if err != nil {
		return slipway.Environment{}, err
	}
	return all.Find(name)
}

// aim is what a request comes to, as it may be asked for.
func (c *Controller) aim(ctx context.Context, r Request, env slipway.Environment) (goal, error) {
	g, err := c.resolve(ctx, r, env)
	if err != nil {
		return g, err
	}
	if p := g.revision.Preview; p != nil && p.Queue == "" {
		own := *p
		own.Queue = env.Queue
		g.revision.Preview = &own
	}
	return g, c.checkAge(ctx, r, g)
}

// checkImage refuses a release whose image was removed, as the store would.
func (c *Controller) checkImage(ctx context.Context, g goal) error {
	rel, err := c.Store.Release(ctx, g.revision.Target.Service, g.revision.Release)
	if err != nil {
		return err
	}
	return rel.CheckImage()
}

// propose makes the deployment that a request comes to, for a target as it is.
func (c *Controller) propose(ctx context.Context, r Request, g goal, t slipway.Target) (slipway.Deployment, error) {
	live, err := c.live(ctx, t.ID)
	if err != nil {
		return slipway.Deployment{}, err
	}
	want := cmp.Or(t.Scale, g.want)
	return slipway.Deployment{
		Target: t.ID, Kind: r.Kind, Actor: r.Actor, Build: g.build, Key: r.Key,
		Release: g.revision.Release, Revision: g.revision.ID, Gates: g.gates, Want: want, Written: g.written,
		From: live.Release, Stable: t.Stable,
		Stages: rollout.Compile(g.revision.Rollout, g.revision.Kind, t.Want, want, t.Stable == ""),
		Phase:  slipway.Pending, CreatedAt: c.now(), Override: r.Override, Replace: r.Replace, Why: append(overrides(r, c.now()), g.why...),
	}, nil
}

// ensureTarget makes the target of a revision, with a port for previews where
// its way there needs one.
func (c *Controller) ensureTarget(ctx context.Context, r slipway.Revision) (slipway.Target, error) {
	want := slipway.Target{ID: r.Target, Kind: r.Kind}
	if r.Strategy == slipway.Canary || r.Strategy == slipway.Immutable || r.Preview != nil {
		want.Preview = slipway.AnyPort
	}
	t, err := c.Store.EnsureTarget(ctx, want, c.port)
	if err != nil {
		return t, err
	}
	return t, t.CheckOpen()
}

// checkAge refuses a release that is older than the live one, unless that is
// what was asked for: a build that comes late must not undo a newer one.
func (c *Controller) checkAge(ctx context.Context, r Request, g goal) error {
	if r.Kind != slipway.KindDeploy || r.Older {
		return nil
	}
	live, err := c.live(ctx, slipway.TargetID{Service: r.Service, Environment: r.Environment})
	if err != nil || g.revision.Release >= live.Release {
		return err
	}
	if same, err := c.sameCommit(ctx, r.Service, g.revision.Release, live.Release); same || err != nil {
		return err
	}
	name := slipway.ReleaseName(r.Service, g.revision.Release)
	return slipway.Errorf(slipway.Conflict, "%s is older than @%d, which is live in %s", name, live.Release, r.Environment).
		Do("Go back to what served before: slipway rollback %s %s; or deploy it all the same: slipway deploy %s %s --older",
			r.Service, r.Environment, r.Environment, name)
}

// sameCommit reports whether two releases were built of one commit: neither is
// older then.
func (c *Controller) sameCommit(ctx context.Context, s slipway.ServiceName, a, b int) (bool, error) {
	one, err := c.Store.Release(ctx, s, a)
	if err != nil {
		return false, err
	}
	other, err := c.Store.Release(ctx, s, b)
	return err == nil && one.Commit != "" && one.Commit == other.Commit, err
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
