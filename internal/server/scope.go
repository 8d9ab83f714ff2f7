package server

import (
	"context"
	"strings"

	"github.com/slipway-cd/slipway"
)

// A job runs what was pushed, so its token is kept to its own: it sees what is
// live everywhere, but builds of its repository only, logs of its build, and
// what instances print where it may deploy; and it moves the services of its
// repository. Everybody else here is a person, whose role says it all.

func mayReadBuilds(p slipway.Principal, r slipway.RepositoryName) error {
	if p.Job == nil || p.Job.Repository == r {
		return nil
	}
	return slipway.Errorf(slipway.Forbidden, "a job of %s may not read builds of %s", p.Job.Repository, r)
}

func mayReadLog(p slipway.Principal, b slipway.BuildID) error {
	if p.Job == nil || p.Job.Build == b {
		return nil
	}
	return slipway.Errorf(slipway.Forbidden, "a job may read the logs of its own build only")
}

// mayHear lets a job hear of its repository's builds, and of any deployment,
// which it could ask for as well.
func mayHear(p slipway.Principal, f slipway.EventFilter) error {
	repository, _, _ := strings.Cut(f.Build, "/")
	if p.Job == nil || f.Deployment != 0 || string(p.Job.Repository) == repository {
		return nil
	}
	return slipway.Errorf(slipway.Forbidden, "a job may hear the events of a build of its repository or of a deployment").
		Do("name one: build=%s/NUMBER or deployment=NUMBER", p.Job.Repository)
}

// mayList keeps jobs from lists of who and what is here.
func mayList(p slipway.Principal) error {
	if p.Job == nil {
		return nil
	}
	return slipway.Errorf(slipway.Forbidden, "a job may not list users or agents")
}

// mayMove reports whether a service is p's to move: a job's when it belongs to
// its repository. One without a release belongs to nobody yet.
func (s *Server) mayMove(ctx context.Context, p slipway.Principal, service slipway.ServiceName) error {
	if p.Job == nil {
		return nil
	}
	all, err := s.Store.Services(ctx)
	if err != nil {
		return err
	}
	for _, known := range all {
		if known.Name == service && known.Repository != p.Job.Repository {
			return slipway.Errorf(slipway.Forbidden, "service %s belongs to repository %s; a job of %s may not move it", service, known.Repository, p.Job.Repository)
		}
	}
	return nil
}

// mayReadOutput reports whether p may read what the instances of a target
// print.
func (s *Server) mayReadOutput(ctx context.Context, p slipway.Principal, t slipway.TargetID) error {
	if p.Job != nil && !p.CanDeploy(t.Environment) {
		return slipway.Errorf(slipway.Forbidden, "a job may read what instances print where it may deploy, which is not %s", t.Environment)
	}
	return s.mayMove(ctx, p, t.Service)
}
