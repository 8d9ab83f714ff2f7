package storetest

import (
	"strings"
	"sync"
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/store"
)

const repo slipway.RepositoryName = "thoughts"

var (
	zero   = slipway.Commit(strings.Repeat("0", 40))
	first  = slipway.Commit(strings.Repeat("a", 40))
	second = slipway.Commit(strings.Repeat("b", 40))
	ada    = slipway.Actor{Kind: slipway.ActorUser, Name: "ada"}
)

func repositories(t *testing.T, s *store.Store) {
	// "B" < "a" and "a-z" < "ab": as bytes, whatever the language of the server.
	names := []slipway.RepositoryName{"B", "a", "a-z", "ab"}
	for i := range names {
		r := Filled[slipway.Repository]()
		r.Name = names[len(names)-1-i]
		ok(t, s.CreateRepository(t.Context(), r, slipway.Event{Kind: slipway.RepositoryCreated, Repository: r.Name}))
		same(t, "repository", r, value(s.Repository(t.Context(), r.Name))(t))
	}
	var got []slipway.RepositoryName
	for _, r := range value(s.Repositories(t.Context()))(t) {
		got = append(got, r.Name)
	}
	same(t, "order", names, got)
	fails(t, slipway.Exists, s.CreateRepository(t.Context(), slipway.Repository{Name: "a"}))
	_, err := s.Repository(t.Context(), "unknown")
	fails(t, slipway.NotFound, err)
	if n := value(s.LastEvent(t.Context()))(t); n != 4 {
		t.Errorf("%d events, want one per repository that was made", n)
	}
}

func push(ref string, from, to slipway.Commit) slipway.Push {
	return slipway.Push{Repository: repo, Ref: ref, Old: from, New: to, Actor: ada}
}

func newBuild(id slipway.BuildID, p slipway.Push) *slipway.Build {
	return &slipway.Build{ID: id, Push: p, State: slipway.BuildRunning, CreatedAt: born,
		Jobs: []slipway.Job{{ID: "job-" + slipway.JobID(id), State: slipway.JobReady}}}
}

func makeRepository(t testing.TB, s *store.Store) {
	t.Helper()
	ok(t, s.CreateRepository(t.Context(), slipway.Repository{Name: repo, CreatedAt: born, CreatedBy: ada}))
}

func pushes(t *testing.T, s *store.Store) {
	makeRepository(t, s)
	p := push("refs/heads/master", zero, first)
	b, created, err := s.RecordPush(t.Context(), p, "master", newBuild("b1", p),
		slipway.Event{Kind: slipway.RefPushed, Repository: repo}, slipway.Event{Kind: slipway.BuildCreated, Repository: repo})
	ok(t, err)
	if !created || b.Number != 1 || b.Slug() != "thoughts/1" {
		t.Errorf("created %v, build %s", created, b.Slug())
	}
	same(t, "build", b, value(s.Build(t.Context(), "b1"))(t))
	same(t, "build", b, value(s.BuildByNumber(t.Context(), repo, 1))(t))
	if r := value(s.Repository(t.Context(), repo))(t); r.DefaultBranch != "master" || r.CreatedBy != ada {
		t.Errorf("repository %+v", r)
	}
	log := value(s.Events(t.Context(), 0, slipway.EventFilter{}, 10))(t)
	if len(log) != 2 || log[0].Build != "" || log[1].Build != "thoughts/1" {
		t.Errorf("events %+v", log)
	}

	p = push("refs/heads/main", zero, second)
	_, _, err = s.RecordPush(t.Context(), p, "main", newBuild("b2", p)) // made by who knew of no default branch
	fails(t, slipway.Stale, err)
	if refs := value(s.Refs(t.Context(), repo))(t); len(refs) != 1 {
		t.Errorf("refs %v", refs)
	}
	b, created, err = s.RecordPush(t.Context(), p, "master", newBuild("b2", p))
	ok(t, err)
	if !created || b.Number != 2 {
		t.Errorf("created %v, build %s", created, b.Slug())
	}
	if r := value(s.Repository(t.Context(), repo))(t); r.DefaultBranch != "master" {
		t.Errorf("the default branch has become %s", r.DefaultBranch)
	}
	p.Repository = "unknown"
	_, _, err = s.RecordPush(t.Context(), p, "", nil)
	fails(t, slipway.NotFound, err)
	_, _, err = s.RecordPush(t.Context(), push("refs/heads/\xff", zero, first), "", nil)
	fails(t, slipway.Invalid, err)
}

func pushTwice(t *testing.T, s *store.Store) {
	makeRepository(t, s)
	p := push("refs/heads/master", zero, first)
	var wg sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for i := range 8 {
		wg.Go(func() {
			id := slipway.BuildID("b" + string(rune('0'+i)))
			b, created, err := s.RecordPush(t.Context(), p, "master", newBuild(id, p), slipway.Event{Kind: slipway.BuildCreated})
			if err != nil || b.Number != 1 {
				t.Errorf("build %s: %v", b.Slug(), err)
			}
			if created {
				mu.Lock()
				made++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if all := value(s.Builds(t.Context(), repo, 0))(t); made != 1 || len(all) != 1 {
		t.Errorf("%d were told that they made the build, there are %d", made, len(all))
	}
	if n := value(s.LastEvent(t.Context()))(t); n != 1 {
		t.Errorf("%d events of one push", n)
	}
	p = push("refs/tags/v1", zero, first) // the same commit under another name is another push
	b, created, err := s.RecordPush(t.Context(), p, "", newBuild("tag", p))
	ok(t, err)
	if !created || b.Number != 2 {
		t.Errorf("created %v, build %s: a number was wasted, or the push was not seen", created, b.Slug())
	}
}

func refs(t *testing.T, s *store.Store) {
	makeRepository(t, s)
	const master, tag = "refs/heads/master", "refs/tags/v1"
	for _, step := range []struct {
		push slipway.Push
		want map[string]slipway.Commit
	}{
		{push(master, zero, first), map[string]slipway.Commit{master: first}},
		{push(tag, zero, first), map[string]slipway.Commit{master: first, tag: first}},
		{push(master, first, second), map[string]slipway.Commit{master: second, tag: first}},
		{push(master, zero, first), map[string]slipway.Commit{master: second, tag: first}}, // late
		{push(master, second, first), map[string]slipway.Commit{master: first, tag: first}},
		{push(master, first, second), map[string]slipway.Commit{master: second, tag: first}}, // there and back again
		{push(tag, first, zero), map[string]slipway.Commit{master: second}},
		{push(tag, first, zero), map[string]slipway.Commit{master: second}},
		{push(tag, zero, first), map[string]slipway.Commit{master: second, tag: first}},
	} {
		b, created, err := s.RecordPush(t.Context(), step.push, "", nil)
		ok(t, err)
		if created || b.ID != "" {
			t.Errorf("a build came from nowhere: %v %s", created, b.ID)
		}
		same(t, "refs", step.want, value(s.Refs(t.Context(), repo))(t))
	}
	same(t, "refs of an unknown repository", map[string]slipway.Commit{}, value(s.Refs(t.Context(), "unknown"))(t))
}
