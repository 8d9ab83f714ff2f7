package storetest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/store"
)

func newRelease(service slipway.ServiceName, build slipway.BuildID, image slipway.Digest) slipway.Release {
	return slipway.Release{Service: service, Repository: repo, Build: build, Image: image, CreatedAt: born,
		Manifest: slipway.Manifest{Service: service, Kind: slipway.Web, Owner: "team"}}
}

func releases(t *testing.T, s *store.Store) {
	full := Filled[slipway.Release]()
	full.Service, full.Repository, full.Build, full.Image, full.CreatedAt = "a", repo, "b1", "sha256:1", born.Add(time.Minute)
	got, created, err := s.CreateRelease(t.Context(), full, slipway.Event{Kind: slipway.ReleasePublished}, slipway.Event{Kind: slipway.ReleasePublished, Text: "own words"})
	ok(t, err)
	full.Number = 1
	if !created {
		t.Error("not created")
	}
	same(t, "release", full, got)
	same(t, "release", full, value(s.Release(t.Context(), "a", 1))(t))
	log := value(s.Events(t.Context(), 0, slipway.EventFilter{}, 0))(t)
	if len(log) != 2 || log[0].Text != "published a@1" || log[1].Text != "own words" {
		t.Errorf("events %+v", log)
	}
	for _, r := range []slipway.Release{newRelease("a", "b2", "sha256:1"), newRelease("a", "b2", "sha256:2"), newRelease("b", "b2", "sha256:1")} {
		_, _, err := s.CreateRelease(t.Context(), r)
		ok(t, err)
	}
	for _, c := range []struct {
		what string
		got  []slipway.Release
		want []string
	}{
		{"of a", value(s.Releases(t.Context(), "a", 0))(t), []string{"a@3", "a@2", "a@1"}},
		{"of a, two", value(s.Releases(t.Context(), "a", 2))(t), []string{"a@3", "a@2"}},
		{"of all, newest first", value(s.Releases(t.Context(), "", 0))(t), []string{"a@1", "a@3", "a@2", "b@1"}},
		{"of a build", value(s.ReleasesOfBuild(t.Context(), "b2"))(t), []string{"a@2", "a@3", "b@1"}},
		{"of no build", value(s.ReleasesOfBuild(t.Context(), ""))(t), nil},
	} {
		var got []string
		for _, r := range c.got {
			got = append(got, r.String())
		}
		same(t, "releases "+c.what, c.want, got)
	}
	services := value(s.Services(t.Context()))(t)
	same(t, "services", []slipway.Service{
		{Name: "a", Repository: repo, Owner: "team", Kind: slipway.Web, CreatedAt: full.CreatedAt},
		{Name: "b", Repository: repo, Owner: "team", Kind: slipway.Web, CreatedAt: born}}, services)
	_, err = s.Release(t.Context(), "a", 9)
	fails(t, slipway.NotFound, err)
}

func releaseTwice(t *testing.T, s *store.Store) {
	var made atomic.Int32
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			image := slipway.Digest([]string{"sha256:1", "sha256:2"}[i%2])
			_, created, err := s.CreateRelease(t.Context(), newRelease("a", "b", image), slipway.Event{Kind: slipway.ReleasePublished})
			if err != nil {
				t.Error(err)
			}
			if created {
				made.Add(1)
			}
		})
	}
	wg.Wait()
	all := value(s.Releases(t.Context(), "a", 0))(t)
	if n := value(s.LastEvent(t.Context()))(t); made.Load() != 2 || len(all) != 2 || n != 2 || all[0].Number != 2 {
		t.Errorf("%d made, %d there, %d events, newest %v", made.Load(), len(all), n, all[0])
	}
}

func serviceMoves(t *testing.T, s *store.Store) {
	_, _, err := s.CreateRelease(t.Context(), newRelease("a", "b", "sha256:1"))
	ok(t, err)
	other := newRelease("a", "b", "sha256:2")
	other.Repository = "somebody-elses"
	_, created, err := s.CreateRelease(t.Context(), other)
	fails(t, slipway.Conflict, err)
	if all := value(s.Releases(t.Context(), "a", 0))(t); created || len(all) != 1 {
		t.Errorf("created %v, %d releases", created, len(all))
	}
}
