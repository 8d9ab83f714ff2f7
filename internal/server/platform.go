package server

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/server/view"
)

// Platform keeps what people declare, lock and approve, for those who may.
// *platform.Platform is one.
type Platform interface {
	Declared(context.Context) (slipway.Declared, error)
	Apply(context.Context, slipway.Principal, slipway.Draft) (slipway.Applied, error)
	Lock(ctx context.Context, by slipway.Principal, t slipway.TargetID, why string, d time.Duration) (slipway.Lock, error)
	Unlock(ctx context.Context, by slipway.Principal, t slipway.TargetID) (slipway.Lock, error)
	Approve(ctx context.Context, by slipway.Principal, id slipway.DeploymentID) (slipway.Deployment, error)
}

// platform registers what people say before a deployment starts.
func (s *Server) platform(on huma.API) {
	get(s, on, "list-environments", "/environments", "The environments as they are declared, in the order a release travels", s.environments)
	post(s, on, "apply-environments", "/environments", "Declare the environments, or see what would change", s.apply)
	get(s, on, "list-declarations", "/declarations", "The versions of the environments, newest first", s.declarations)
	get(s, on, "diff-environments", "/diff", "Where two environments differ", s.diff)
	get(s, on, "list-locks", "/locks", "The locks that hold", s.locks)
	post(s, on, "create-lock", "/locks", "Keep deployments from starting for a while", s.lock)
	post(s, on, "remove-lock", "/locks/remove", "Take a lock away", s.unlock)
	post(s, on, "approve-deployment", "/deployments/{id}/approve", "Agree to a deployment that waits for approvals", s.approve)
}

func (s *Server) environments(ctx context.Context, _ *none) (api.Environments, error) {
	d, err := s.Platform.Declared(ctx)
	if err != nil {
		return api.Environments{}, err
	}
	return s.View.Environments(ctx, d)
}

func (s *Server) apply(ctx context.Context, in *body[api.Apply]) (api.Applied, error) {
	d := slipway.Draft{File: in.Body.File, Text: in.Body.Text, After: -1, Dry: in.Body.DryRun}
	if d.File == "" {
		d.File = slipway.EnvironmentsFile
	}
	if in.Body.Version != nil {
		d.After = *in.Body.Version
	}
	done, err := s.Platform.Apply(ctx, from(ctx).Principal, d)
	if err != nil {
		return api.Applied{}, err
	}
	return api.Applied{Version: done.Declaration.Version, Changes: view.Changes(done.Changes), DryRun: done.Dry}, nil
}

func (s *Server) declarations(ctx context.Context, in *struct {
	Limit int `query:"limit" minimum:"0" doc:"At most 500"`
}) (api.List[api.Declaration], error) {
	all, err := s.Store.Declarations(ctx, limited(in.Limit))
	return listed(each(all, view.Declaration), err)
}

func (s *Server) diff(ctx context.Context, in *struct {
	From string `query:"from" required:"true"`
	To   string `query:"to" required:"true"`
}) (api.EnvironmentDiff, error) {
	return s.View.Diff(ctx, slipway.EnvironmentName(in.From), slipway.EnvironmentName(in.To))
}

func (s *Server) locks(ctx context.Context, _ *none) (api.List[api.Lock], error) {
	all, err := s.Store.Locks(ctx)
	return listed(each(all, view.Lock), err)
}

func (s *Server) lock(ctx context.Context, in *body[api.CreateLock]) (api.Lock, error) {
	t := slipway.TargetID{Service: slipway.ServiceName(in.Body.Service), Environment: slipway.EnvironmentName(in.Body.Environment)}
	most := slipway.MaxLock.Milliseconds() + 1 // more would not fit a duration
	d := time.Duration(min(max(in.Body.ForMS, 0), most)) * time.Millisecond
	l, err := s.Platform.Lock(ctx, from(ctx).Principal, t, in.Body.Why, d)
	if err != nil {
		return api.Lock{}, err
	}
	return view.Lock(l), nil
}

func (s *Server) unlock(ctx context.Context, in *body[api.DeleteLock]) (api.Lock, error) {
	t := slipway.TargetID{Service: slipway.ServiceName(in.Body.Service), Environment: slipway.EnvironmentName(in.Body.Environment)}
	l, err := s.Platform.Unlock(ctx, from(ctx).Principal, t)
	if err != nil {
		return api.Lock{}, err
	}
	return view.Lock(l), nil
}

func (s *Server) approve(ctx context.Context, in *deploymentInput) (api.Deployment, error) {
	if _, err := s.Platform.Approve(ctx, from(ctx).Principal, slipway.DeploymentID(in.ID)); err != nil {
		return api.Deployment{}, err
	}
	return s.getDeployment(ctx, in)
}

const maxOverride = 500 // bytes

// mayOverride lets administrators go over a freeze, and who may deploy there go
// over a lock to roll back: to mend what serves must never wait for somebody who
// sleeps. What a gate says of others it says to them all.
func mayOverride(p slipway.Principal, ask Deploy) error {
	switch {
	case ask.Override == "":
		return nil
	case len(ask.Override) > maxOverride:
		return slipway.Errorf(slipway.Invalid, "a reason has at most %d bytes", maxOverride)
	case p.Job != nil:
		return slipway.Errorf(slipway.Forbidden, "a job overrides nothing: people do")
	case ask.Kind == slipway.KindRollback || p.CanAdminister():
		return nil
	}
	return slipway.Errorf(slipway.Forbidden, "%s may not override a freeze; it needs the role admin", p.Actor.Name).
		Do("a rollback is never frozen: slipway rollback %s %s", ask.Service, ask.Environment)
}

// known reports NotFound for an environment that is not declared.
func (s *Server) known(ctx context.Context, name slipway.EnvironmentName) error {
	all, err := s.Store.Environments(ctx)
	if err != nil {
		return err
	}
	_, err = all.Find(name)
	return err
}
