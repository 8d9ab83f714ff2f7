package server

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// BuildPath names a build in a path. It is exported for huma, which fills embedded
// fields only then.
type BuildPath struct {
	Repository string `path:"repository"`
	Number     int    `path:"number" minimum:"1"`
}

// builds registers builds.
func (s *Server) builds(on huma.API) {
	get(s, on, "list-builds", "/builds", "Builds, newest first", s.listBuilds)
	get(s, on, "get-build", "/builds/{repository}/{number}", "A build with its jobs", s.getBuild)
	post(s, on, "unblock-build", "/builds/{repository}/{number}/unblock", "Let a build past a block step", s.unblock)
	post(s, on, "cancel-build", "/builds/{repository}/{number}/cancel", "End a build", s.cancel)
}

func (s *Server) listBuilds(ctx context.Context, in *struct {
	Repository string `query:"repository" doc:"Only of this repository"`
	Limit      int    `query:"limit" minimum:"0" doc:"At most 500"`
}) (api.List[api.Build], error) {
	p, repository := from(ctx), slipway.RepositoryName(in.Repository)
	if p.Job != nil && repository == "" {
		repository = p.Job.Repository
	}
	if err := mayReadBuilds(p.Principal, repository); err != nil {
		return api.List[api.Build]{}, err
	}
	builds, err := s.Store.Builds(ctx, repository, limited(in.Limit))
	return listed(s.View.Builds(builds, from(ctx).Principal), err)
}

func (in BuildPath) find(ctx context.Context, s *Server) (slipway.Build, error) {
	if err := mayReadBuilds(from(ctx).Principal, slipway.RepositoryName(in.Repository)); err != nil {
		return slipway.Build{}, err
	}
	return s.Store.BuildByNumber(ctx, slipway.RepositoryName(in.Repository), in.Number)
}

func (s *Server) getBuild(ctx context.Context, in *BuildPath) (api.Build, error) {
	b, err := in.find(ctx, s)
	if err != nil {
		return api.Build{}, err
	}
	return s.View.Build(ctx, b, from(ctx).Principal)
}

func (s *Server) unblock(ctx context.Context, in *struct {
	BuildPath
	Body api.Unblock
}) (api.Build, error) {
	p := from(ctx)
	b, err := in.find(ctx, s)
	if err != nil {
		return api.Build{}, err
	}
	if !p.CanPush() { // before anything is said about the build's steps
		return api.Build{}, mayNotUnblock(p.Principal, b)
	}
	j, err := blocked(b, in.Body.Job)
	if err != nil {
		return api.Build{}, err
	}
	b, err = s.Builds.Unblock(ctx, b.ID, j.ID, p.Principal)
	if err != nil {
		return api.Build{}, err
	}
	return s.View.Build(ctx, b, p.Principal)
}

func mayNotUnblock(p slipway.Principal, b slipway.Build) error {
	if p.Job != nil {
		return slipway.Errorf(slipway.Forbidden, "a job never unblocks").Do("a person does: slipway unblock %s", b.Slug())
	}
	return slipway.Errorf(slipway.Forbidden, "%s may look but not unblock; that needs the role deployer", p.Actor.Name)
}

// blocked finds the block step that is meant: by ID or key, or the only one
// that waits.
func blocked(b slipway.Build, which string) (*slipway.Job, error) {
	var waiting []*slipway.Job
	for i := range b.Jobs {
		j := &b.Jobs[i]
		if j.Step.Kind != slipway.StepBlock {
			continue
		}
		if which != "" && (string(j.ID) == which || j.Step.Key == which) {
			return j, nil
		}
		if j.State == slipway.JobBlocked {
			waiting = append(waiting, j)
		}
	}
	switch {
	case which != "":
		return nil, slipway.Errorf(slipway.NotFound, "build %s has no block step %q", b.Slug(), which)
	case len(waiting) == 0:
		return nil, slipway.Errorf(slipway.Conflict, "build %s is not blocked: it is %s", b.Slug(), b.State)
	case len(waiting) > 1:
		return nil, slipway.Errorf(slipway.Invalid, "build %s is blocked at %d steps; name one", b.Slug(), len(waiting))
	}
	return waiting[0], nil
}

func (s *Server) cancel(ctx context.Context, in *BuildPath) (api.Build, error) {
	p := from(ctx)
	b, err := in.find(ctx, s)
	if err != nil {
		return api.Build{}, err
	}
	b, err = s.Builds.Cancel(ctx, b.ID, p.Principal)
	if err != nil {
		return api.Build{}, err
	}
	return s.View.Build(ctx, b, p.Principal)
}
