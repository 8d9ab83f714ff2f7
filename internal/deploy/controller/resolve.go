package controller

import (
	"context"

	"github.com/slipway-cd/slipway"
)

// goal is what a request comes to.
type goal struct {
	revision slipway.Revision
	want     int
	written  int // want as the manifest has it; 0: as many as there are
	gates    []slipway.GateID
	build    string // slug of the build that asked
	why      []slipway.Why
}

func (c *Controller) resolve(ctx context.Context, r Request, env slipway.Environment) (goal, error) {
	switch r.Kind {
	case slipway.KindDeploy:
		return c.resolveDeploy(ctx, r, env)
	case slipway.KindRollback:
		return c.resolveRollback(ctx, r, env)
	case slipway.KindRestart:
		return c.resolveRestart(ctx, r)
	}
	return goal{}, slipway.Errorf(slipway.Invalid, "there is no kind of deployment %q; there are deploy, rollback, restart", r.Kind)
}

func (c *Controller) resolveDeploy(ctx context.Context, r Request, env slipway.Environment) (goal, error) {
	rel, err := c.choose(ctx, r, env)
	if err != nil {
		return goal{}, err
	}
	g, err := c.revise(ctx, rel, env)
	if err != nil {
		return goal{}, err
	}
	if r.Build != "" && rel.Build == r.Build {
		g.build = rel.BuildSlug
	}
	return g, nil
}

// choose picks the release: the one named, else the one that the asking build
// published, else what is live in the environment before, else the newest.
func (c *Controller) choose(ctx context.Context, r Request, env slipway.Environment) (slipway.Release, error) {
	switch {
	case r.Release != 0:
		return c.Store.Release(ctx, r.Service, r.Release)
	case r.Build != "":
		return c.chooseOfBuild(ctx, r)
	case env.Previous != "":
		return c.chooseLive(ctx, r, env)
	}
	newest, err := c.Store.Releases(ctx, r.Service, 1)
	if err != nil {
		return slipway.Release{}, err
	}
	if len(newest) == 0 {
		return slipway.Release{}, slipway.Errorf(slipway.NotFound, "%s has no release yet", r.Service).
			Do("Push a commit whose pipeline publishes one: slipway image publish")
	}
	return newest[0], nil
}

func (c *Controller) chooseOfBuild(ctx context.Context, r Request) (slipway.Release, error) {
	published, err := c.Store.ReleasesOfBuild(ctx, r.Build)
	if err != nil {
		return slipway.Release{}, err
	}
	var own *slipway.Release
	for i, rel := range published {
		if rel.Service == r.Service && (own == nil || rel.Number > own.Number) {
			own = &published[i]
		}
	}
	if own == nil {
		return slipway.Release{}, slipway.Errorf(slipway.NotFound, "this build has not published a release of %s", r.Service).
			Do("Publish one in an earlier step: slipway image publish")
	}
	return *own, nil
}

func (c *Controller) chooseLive(ctx context.Context, r Request, env slipway.Environment) (slipway.Release, error) {
	live, err := c.live(ctx, slipway.TargetID{Service: r.Service, Environment: env.Previous})
	if err != nil {
		return slipway.Release{}, err
	}
	if live.Release == 0 {
		return slipway.Release{}, slipway.Errorf(slipway.NotFound, "no release of %s is live in %s, from where releases go to %s", r.Service, env.Previous, env.Name).
			Do("Deploy it there first: slipway deploy %s %s; or name a release: slipway deploy %s %s@N", env.Previous, r.Service, env.Name, r.Service)
	}
	return c.Store.Release(ctx, r.Service, live.Release)
}

// resolveRestart runs the same revision again.
func (c *Controller) resolveRestart(ctx context.Context, r Request) (goal, error) {
	live, err := c.still(ctx, r)
	if err != nil {
		return goal{}, err
	}
	return c.again(ctx, live)
}

// resolveRollback goes to the revision that served before, or to the release
// that is named.
func (c *Controller) resolveRollback(ctx context.Context, r Request, env slipway.Environment) (goal, error) {
	if r.Release == 0 {
		live, err := c.still(ctx, r)
		if err != nil {
			return goal{}, err
		}
		before, ok, err := c.before(ctx, live)
		if err != nil {
			return goal{}, err
		}
		if !ok {
			return goal{}, slipway.Errorf(slipway.Conflict, "nothing served before %s in %s", slipway.ReleaseName(r.Service, live.Release), r.Environment).
				Do("Name a release: slipway rollback %s %s --to N; slipway releases %s lists them", r.Service, r.Environment, r.Service)
		}
		return c.again(ctx, before)
	}
	id := slipway.TargetID{Service: r.Service, Environment: r.Environment}
	past, err := c.history(ctx, id)
	if err != nil {
		return goal{}, err
	}
	for _, d := range past {
		if d.Release == r.Release {
			return c.again(ctx, d)
		}
	}
	rel, err := c.Store.Release(ctx, r.Service, r.Release)
	if err != nil {
		return goal{}, err
	}
	return c.revise(ctx, rel, env)
}

// still is what serves, provided that it is not just being replaced: then it
// is not clear what serves, or served before.
func (c *Controller) still(ctx context.Context, r Request) (slipway.Deployment, error) {
	id := slipway.TargetID{Service: r.Service, Environment: r.Environment}
	open, err := c.Store.Deployments(ctx, slipway.DeploymentFilter{Target: id, Open: true}, 1)
	if err != nil {
		return slipway.Deployment{}, err
	}
	if len(open) > 0 && !heldBack(open[0]) {
		return slipway.Deployment{}, slipway.Errorf(slipway.Conflict, "deployment %d is moving %s in %s to @%d", open[0].ID, r.Service, r.Environment, open[0].Release).
			Do("Abort it, or wait for its end and ask again.")
	}
	live, err := c.live(ctx, id)
	if err == nil && live.Release == 0 {
		err = slipway.Errorf(slipway.Conflict, "nothing of %s serves in %s", r.Service, r.Environment).
			Do("Deploy it first: slipway deploy %s %s", r.Environment, r.Service)
	}
	return live, err
}
