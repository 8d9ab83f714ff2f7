package server

import (
	"context"
	"fmt"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

type deploymentInput struct {
	ID int64 `path:"id" minimum:"1"`
}

// deployments registers deployments.
func (s *Server) deployments(on huma.API) {
	get(s, on, "list-deployments", "/deployments", "Deployments, newest first", s.listDeployments)
	get(s, on, "get-deployment", "/deployments/{id}", "A deployment as it is now", s.getDeployment)
	post(s, on, "create-deployment", "/deployments", "Ask for a deployment, a rollback or a restart", s.deploy)
	post(s, on, "plan-deployment", "/plans", "What a deployment would do: nothing moves", s.plan)
	post(s, on, "abort-deployment", "/deployments/{id}/abort", "Ask a deployment to return to what served before", s.abort)
	post(s, on, "promote-deployment", "/deployments/{id}/promote", "Let a stage pass without the rest of its hold and its evidence", s.promote)
}

func (s *Server) listDeployments(ctx context.Context, in *struct {
	Service     string `query:"service"`
	Environment string `query:"environment"`
	Limit       int    `query:"limit" minimum:"0" doc:"At most 500"`
}) (api.List[api.Deployment], error) {
	f := slipway.DeploymentFilter{Service: slipway.ServiceName(in.Service), Environment: slipway.EnvironmentName(in.Environment)}
	if f.Environment != "" {
		if err := s.known(ctx, f.Environment); err != nil {
			return api.List[api.Deployment]{}, err
		}
	}
	all, err := s.Store.Deployments(ctx, f, limited(in.Limit))
	if err != nil {
		return api.List[api.Deployment]{}, err
	}
	return listed(s.View.Deployments(ctx, all))
}

func (s *Server) getDeployment(ctx context.Context, in *deploymentInput) (api.Deployment, error) {
	d, err := s.Store.Deployment(ctx, slipway.DeploymentID(in.ID))
	if err != nil {
		return api.Deployment{}, err
	}
	return s.showDeployment(ctx, d)
}

// showDeployment leaves out the last words of instances that the caller may not
// read.
func (s *Server) showDeployment(ctx context.Context, d slipway.Deployment) (api.Deployment, error) {
	shown, err := s.View.Deployment(ctx, d)
	if err == nil && s.mayReadOutput(ctx, from(ctx).Principal, d.Target) != nil {
		shown.LogTail = nil
		if shown.Tests != nil {
			shown.Tests.LogTail = nil
		}
		if shown.Evidence != nil {
			shown.Evidence.Errors = nil
		}
	}
	return shown, err
}

func (s *Server) deploy(ctx context.Context, in *body[api.CreateDeployment]) (api.Deployment, error) {
	p := from(ctx)
	ask := Deploy{
		Service: slipway.ServiceName(in.Body.Service), Environment: slipway.EnvironmentName(in.Body.Environment),
		Kind: slipway.DeploymentKind(in.Body.Kind), Release: in.Body.Release, Actor: p.Actor, Key: in.Body.Key,
		Override: in.Body.Override,
		Older:    in.Body.Older, Replace: in.Body.Replace,
	}
	if err := s.mayDeploy(ctx, p.Principal, ask); err != nil {
		return api.Deployment{}, err
	}
	if err := s.mayMove(ctx, p.Principal, ask.Service); err != nil {
		return api.Deployment{}, err
	}
	if p.Job != nil {
		// A job that is run again must find what it asked for, not ask twice.
		ask.Build = p.Job.Build
		ask.Key = fmt.Sprintf("%s%s %d", askedBy(p.Job, slipway.TargetID{Service: ask.Service, Environment: ask.Environment}), ask.Kind, ask.Release)
		if err := s.Builds.MarkDeployed(ctx, *p.Job); err != nil {
			return api.Deployment{}, err
		}
	} else if ask.Key != "" {
		ask.Key = "user " + p.Actor.Name + " " + ask.Key // nobody meets another's
	}
	d, err := s.Deployer.Deploy(ctx, ask)
	if err != nil {
		return api.Deployment{}, err
	}
	return s.showDeployment(ctx, d)
}

// plan may be looked at by whoever may read: nothing moves.
func (s *Server) plan(ctx context.Context, in *body[api.CreateDeployment]) (api.Plan, error) {
	ask := Deploy{
		Service: slipway.ServiceName(in.Body.Service), Environment: slipway.EnvironmentName(in.Body.Environment),
		Kind: slipway.DeploymentKind(in.Body.Kind), Release: in.Body.Release, Older: in.Body.Older,
		Actor: from(ctx).Actor,
	}
	if err := ask.Service.Validate(); err != nil {
		return api.Plan{}, err
	}
	f, err := s.Deployer.Foresee(ctx, ask)
	if err != nil {
		return api.Plan{}, err
	}
	return s.View.Plan(ctx, f.Deployment, f.Revision, f.Limits)
}

// askedBy begins the keys of what a job asks for a target.
func askedBy(g *slipway.JobGrant, t slipway.TargetID) string {
	return fmt.Sprintf("job %s %s ", g.Job, t)
}

// mayDeploy checks the names, then whether p may.
func (s *Server) mayDeploy(ctx context.Context, p slipway.Principal, ask Deploy) error {
	if err := ask.Service.Validate(); err != nil {
		return err
	}
	if err := s.known(ctx, ask.Environment); err != nil {
		return err
	}
	switch ask.Kind {
	case slipway.KindDeploy, slipway.KindRollback, slipway.KindRestart:
	default:
		return slipway.Errorf(slipway.Invalid, "there is no %q; there are deploy, rollback, restart", ask.Kind)
	}
	if ask.Release < 0 || len(ask.Key) > 200 {
		return slipway.Errorf(slipway.Invalid, "a release is a number from 1, a key has at most 200 bytes")
	}
	if p.CanDeploy(ask.Environment) {
		return mayOverride(p, ask)
	}
	e := slipway.Errorf(slipway.Forbidden, "%s may not deploy to %s", p.Actor.Name, ask.Environment)
	if p.Job != nil {
		return e.Do("jobs may from the default branch, on the queue of the environment")
	}
	return e
}

func (s *Server) abort(ctx context.Context, in *deploymentInput) (api.Deployment, error) {
	p := from(ctx)
	d, err := s.Store.Deployment(ctx, slipway.DeploymentID(in.ID))
	if err != nil {
		return api.Deployment{}, err
	}
	if p.Job != nil && !strings.HasPrefix(d.Key, askedBy(p.Job, d.Target)) || !p.CanDeploy(d.Target.Environment) {
		return api.Deployment{}, slipway.Errorf(slipway.Forbidden, "%s may not abort deployment %d", p.Actor.Name, d.ID)
	}
	if err := s.Deployer.Abort(ctx, d.ID, p.Actor); err != nil {
		return api.Deployment{}, err
	}
	return s.getDeployment(ctx, in)
}

// promote is for people: a job has no eyes.
func (s *Server) promote(ctx context.Context, in *struct {
	ID   int64 `path:"id" minimum:"1"`
	Body api.Promote
}) (api.Deployment, error) {
	p := from(ctx)
	d, err := s.Store.Deployment(ctx, slipway.DeploymentID(in.ID))
	if err != nil {
		return api.Deployment{}, err
	}
	if p.Job != nil || !p.CanDeploy(d.Target.Environment) {
		return api.Deployment{}, slipway.Errorf(slipway.Forbidden, "%s may not promote deployment %d", p.Actor.Name, d.ID)
	}
	if err := s.Deployer.Promote(ctx, d.ID, in.Body.Stage, p.Actor, in.Body.Why); err != nil {
		return api.Deployment{}, err
	}
	return s.getDeployment(ctx, &deploymentInput{in.ID})
}
