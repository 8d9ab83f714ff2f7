package storetest

import (
	"errors"
	"sync"
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/store"
)

func makeBuild(t testing.TB, s *store.Store, id slipway.BuildID, to slipway.Commit) slipway.Build {
	t.Helper()
	p := push("refs/heads/"+string(id), zero, to)
	b, created, err := s.RecordPush(t.Context(), p, "", newBuild(id, p))
	ok(t, err)
	if !created {
		t.Fatalf("build %s was there", id)
	}
	return b
}

func builds(t *testing.T, s *store.Store) {
	makeRepository(t, s)
	for _, id := range []slipway.BuildID{"b1", "b2", "b3"} {
		makeBuild(t, s, id, first)
	}
	b, err := s.UpdateBuild(t.Context(), "b2", func(b *slipway.Build) ([]slipway.Event, error) {
		b.State, b.FinishedAt = slipway.BuildPassed, born
		b.Jobs = append(b.Jobs, slipway.Job{ID: "uploaded"})
		return []slipway.Event{{Kind: slipway.BuildChanged, Build: b.Slug()}}, nil
	})
	ok(t, err)
	same(t, "updated build", b, value(s.Build(t.Context(), "b2"))(t))

	for _, c := range []struct {
		what string
		got  []slipway.Build
		want []int
	}{
		{"all", value(s.Builds(t.Context(), "", 0))(t), []int{3, 2, 1}},
		{"of the repository", value(s.Builds(t.Context(), repo, 2))(t), []int{3, 2}},
		{"of another", value(s.Builds(t.Context(), "unknown", 0))(t), nil},
		{"open", value(s.OpenBuilds(t.Context()))(t), []int{1, 3}},
	} {
		var got []int
		for _, b := range c.got {
			got = append(got, b.Number)
		}
		same(t, "builds: "+c.what, c.want, got)
	}
	for job, want := range map[slipway.JobID]slipway.BuildID{"job-b1": "b1", "job-b2": "b2", "uploaded": "b2"} {
		same(t, "build of "+string(job), want, value(s.BuildOfJob(t.Context(), job))(t))
	}

	_, err = s.Build(t.Context(), "unknown")
	fails(t, slipway.NotFound, err)
	_, err = s.BuildByNumber(t.Context(), repo, 9)
	fails(t, slipway.NotFound, err)
	_, err = s.BuildOfJob(t.Context(), "unknown")
	fails(t, slipway.NotFound, err)
	_, err = s.UpdateBuild(t.Context(), "unknown", func(*slipway.Build) ([]slipway.Event, error) { return nil, nil })
	fails(t, slipway.NotFound, err)
}

func updateRaces(t *testing.T, s *store.Store) {
	makeRepository(t, s)
	makeBuild(t, s, "b", first)
	const writers, each = 8, 10
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				_, err := s.UpdateBuild(t.Context(), "b", func(b *slipway.Build) ([]slipway.Event, error) {
					j := b.Job("job-b")
					j.Attempts = append(j.Attempts, slipway.Attempt{Number: len(j.Attempts) + 1})
					return []slipway.Event{{Kind: slipway.JobChanged, Build: b.Slug(), Job: j.ID}}, nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b := value(s.Build(t.Context(), "b"))(t)
	for i, a := range b.Jobs[0].Attempts {
		if a.Number != i+1 {
			t.Fatalf("attempt %d is at %d", a.Number, i+1)
		}
	}
	n := value(s.LastEvent(t.Context()))(t)
	if len(b.Jobs[0].Attempts) != writers*each || n != writers*each {
		t.Errorf("%d changes and %d events of %d", len(b.Jobs[0].Attempts), n, writers*each)
	}
}

func updateRefused(t *testing.T, s *store.Store) {
	makeRepository(t, s)
	before := makeBuild(t, s, "b", first)
	refusal := errors.New("not now")
	_, err := s.UpdateBuild(t.Context(), "b", func(b *slipway.Build) ([]slipway.Event, error) {
		b.State = slipway.BuildFailed
		return []slipway.Event{{Kind: slipway.BuildChanged}}, refusal
	})
	if err != refusal { //nolint:errorlint // as it is
		t.Errorf("got %v, want the error as it is", err)
	}
	got, err := s.UpdateBuild(t.Context(), "b", func(*slipway.Build) ([]slipway.Event, error) { return nil, nil })
	ok(t, err)
	same(t, "build", before, got)
	if n := value(s.LastEvent(t.Context()))(t); n != 0 {
		t.Errorf("%d events of nothing", n)
	}
}

func chunks(t *testing.T, s *store.Store) {
	all := []store.Chunk{{Sequence: 1, Offset: 0, Size: 10}, {Sequence: 2, Offset: 10, Size: 0}, {Sequence: 3, Offset: 10, Size: 1 << 40}}
	for _, i := range []int{2, 0, 1, 0} {
		_, err := s.AddChunk(t.Context(), "job", 1, all[i])
		ok(t, err)
	}
	if value(s.AddChunk(t.Context(), "job", 1, store.Chunk{Sequence: 2, Offset: 99, Size: 9}))(t) {
		t.Error("a repeated sequence number was added")
	}
	if !value(s.AddChunk(t.Context(), "job", 2, all[0]))(t) {
		t.Error("another attempt was taken for a repetition")
	}
	same(t, "chunks", all, value(s.Chunks(t.Context(), "job", 1))(t))
	same(t, "chunks", all[:1], value(s.Chunks(t.Context(), "job", 2))(t))
	same(t, "chunks", []store.Chunk{}, value(s.Chunks(t.Context(), "unknown", 1))(t))
}

func agents(t *testing.T, s *store.Store) {
	a := Filled[slipway.Agent]()
	a.ID = "a2"
	ok(t, s.SaveAgent(t.Context(), slipway.Agent{ID: "a1"}))
	ok(t, s.SaveAgent(t.Context(), slipway.Agent{ID: "a2", Name: "before"}))
	ok(t, s.SaveAgent(t.Context(), a, slipway.Event{Kind: slipway.AgentConnectedEv}))
	same(t, "agent", a, value(s.Agent(t.Context(), "a2"))(t))
	same(t, "agents", []slipway.Agent{{ID: "a1"}, a}, value(s.Agents(t.Context()))(t))
	_, err := s.Agent(t.Context(), "unknown")
	fails(t, slipway.NotFound, err)
	if n := value(s.LastEvent(t.Context()))(t); n != 1 {
		t.Errorf("%d events", n)
	}
}
