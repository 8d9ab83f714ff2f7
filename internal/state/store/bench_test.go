package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/store"
	"github.com/slipway-cd/slipway/internal/state/store/storetest"
)

func BenchmarkCommitState(b *testing.B) {
	s := storetest.Open(b)
	id := slipway.TargetID{Service: "thoughts", Environment: "prod"}
	f := acquired(b, s, id)
	state, err := s.LoadState(b.Context(), id)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if f, err = s.CommitState(b.Context(), "me", f, state, slipway.Event{Kind: slipway.DeploymentPlanned, Target: id}); err != nil {
			b.Fatal(err)
		}
	}
	perSecond(b, "commits/s")
}

func BenchmarkAcquire(b *testing.B) {
	s := storetest.Open(b)
	id := slipway.TargetID{Service: "thoughts", Environment: "prod"}
	acquired(b, s, id)
	for b.Loop() {
		if _, err := s.Acquire(b.Context(), id, "me", time.Minute); err != nil {
			b.Fatal(err)
		}
	}
	perSecond(b, "leases/s")
}

func BenchmarkUpdateBuild(b *testing.B) {
	s := storetest.Open(b)
	if err := s.CreateRepository(b.Context(), slipway.Repository{Name: "thoughts"}); err != nil {
		b.Fatal(err)
	}
	build := slipway.Build{ID: "b", Push: slipway.Push{Repository: "thoughts", Ref: "refs/heads/master"}}
	for i := range 10 {
		build.Jobs = append(build.Jobs, slipway.Job{ID: slipway.JobID(fmt.Sprint(i)), Step: slipway.Step{Command: "ci/bin/test"}})
	}
	if _, _, err := s.RecordPush(b.Context(), build.Push, "", &build); err != nil {
		b.Fatal(err)
	}
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		_, err := s.UpdateBuild(b.Context(), "b", func(build *slipway.Build) ([]slipway.Event, error) {
			build.Jobs[3].ReadyAt = start
			return []slipway.Event{{Kind: slipway.JobChanged, Build: build.Slug()}}, nil
		})
		if err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

func BenchmarkTokenPrincipal(b *testing.B) {
	s := storetest.Open(b)
	if err := s.AddToken(b.Context(), slipway.Token{Hash: "h"}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.TokenPrincipal(b.Context(), "h"); err != nil {
			b.Fatal(err)
		}
	}
}

func acquired(b *testing.B, s *store.Store, id slipway.TargetID) slipway.Fence {
	b.Helper()
	_, err := s.EnsureTarget(b.Context(), slipway.Target{ID: id, Kind: slipway.Worker}, nil)
	if err != nil {
		b.Fatal(err)
	}
	f, err := s.Acquire(b.Context(), id, "me", time.Minute)
	if err != nil {
		b.Fatal(err)
	}
	return f
}

func perSecond(b *testing.B, unit string) {
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), unit)
}
