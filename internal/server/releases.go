package server

import (
	"context"
	"fmt"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/server/view"
)

// releases registers releases.
func (s *Server) releases(on huma.API) {
	get(s, on, "list-releases", "/releases", "Releases, newest first", s.listReleases)
	post(s, on, "publish-release", "/releases", "Make a release of an image that the calling job's build pushed", s.publish)
}

func (s *Server) listReleases(ctx context.Context, in *struct {
	Service string `query:"service" doc:"Only of this service"`
	Limit   int    `query:"limit" minimum:"0" doc:"At most 500"`
}) (api.List[api.Release], error) {
	releases, err := s.Store.Releases(ctx, slipway.ServiceName(in.Service), limited(in.Limit))
	if err != nil {
		return api.List[api.Release]{}, err
	}
	return listed(s.View.Releases(ctx, releases))
}

// publish makes a release. Only a job of a push may: what a release is made of is then
// known by its build. Its repository and commit are those of the build, and a
// service that has a release belongs to the repository that made its first.
func (s *Server) publish(ctx context.Context, in *body[api.PublishRelease]) (api.Release, error) {
	p := from(ctx)
	if p.Job == nil {
		return api.Release{}, slipway.Errorf(slipway.Forbidden, "a release is published by a job of a build").
			Do("put it into the pipeline: slipway image publish")
	}
	b, err := s.Store.Build(ctx, p.Job.Build)
	if err != nil {
		return api.Release{}, err
	}
	if b.Task != nil {
		return api.Release{}, slipway.Errorf(slipway.Forbidden, "tests before traffic publish no releases: they test @%d, which is made already", b.Task.Release).
			Do("publish in a step of the pipeline")
	}
	r, err := s.release(ctx, in.Body, b)
	if err != nil {
		return api.Release{}, err
	}
	r.Actor = p.Actor
	stored, _, err := s.Store.CreateRelease(ctx, r, slipway.Event{
		At: r.CreatedAt, Kind: slipway.ReleasePublished, Actor: p.Actor, Repository: r.Repository, Build: r.BuildSlug, Job: p.Job.Job,
		Text: fmt.Sprintf("%s published %s of %s at %s", p.Actor.Name, r.Image.Short(), r.Service, r.Commit.Short()),
	})
	return view.Release(stored), err
}

// release checks what is asked against the build, the registry and the service.
func (s *Server) release(ctx context.Context, in api.PublishRelease, b slipway.Build) (slipway.Release, error) {
	var r slipway.Release
	all, err := s.Store.Environments(ctx)
	if err != nil {
		return r, err
	}
	m, err := s.Manifest(all, in.Path, []byte(in.Manifest))
	if err != nil {
		return r, err
	}
	if string(m.Service) != in.Service {
		return r, slipway.Errorf(slipway.Invalid, "%s is the manifest of %s, not of %s", in.Path, m.Service, in.Service)
	}
	image := slipway.Digest(in.Image)
	if !image.Valid() {
		return r, slipway.Errorf(slipway.Invalid, "%q is not the digest of an image; write sha256: and 64 hexadecimal digits", in.Image)
	}
	there, err := s.Images.Pin(ctx, image)
	if err != nil {
		return r, err
	}
	if !there {
		return r, slipway.Errorf(slipway.NotFound, "there is no image %s in the registry", image).Do("push it first: slipway image publish")
	}
	services, err := s.Store.Services(ctx)
	if err != nil {
		return r, err
	}
	for _, known := range services {
		if known.Name == m.Service && known.Repository != b.Push.Repository {
			return r, slipway.Errorf(slipway.Forbidden, "service %s belongs to repository %s; %s may not release it", m.Service, known.Repository, b.Push.Repository)
		}
	}
	return slipway.Release{
		Service: m.Service, Repository: b.Push.Repository, Commit: b.Commit.Commit, Subject: b.Commit.Subject(),
		Image: image, Manifest: m, Build: b.ID, BuildSlug: b.Slug(), CreatedAt: time.Now(),
	}, nil
}
