package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/store"
)

// release publishes the next release of thoughts.
func release(t testing.TB, s *store.Store) int {
	t.Helper()
	all := value(s.Releases(t.Context(), "thoughts", 0))(t)
	r, _, err := s.CreateRelease(t.Context(), newRelease("thoughts", "", slipway.Digest(fmt.Sprintf("sha256:%d", len(all)+1))))
	ok(t, err)
	return r.Number
}

// ended ends a deployment as it would.
func ended(t testing.TB, s *store.Store, d slipway.Deployment, phase slipway.Phase) {
	t.Helper()
	f := value(s.Acquire(t.Context(), d.Target, "owner", time.Minute))(t)
	state := value(s.LoadState(t.Context(), d.Target))(t)
	d.Phase, d.Revision = phase, slipway.RevisionID(fmt.Sprintf("%s@%d-%d", d.Target, d.Release, d.Release))
	if state.Deployment = &d; phase == slipway.Succeeded {
		state.Target.Stable = d.Candidate
	}
	_, err := s.CommitState(t.Context(), "owner", f, state)
	ok(t, err)
}

// What is needed is not marked, and what is marked is not deployed.
func retention(t *testing.T, s *store.Store) {
	makeTarget(t, s, prod)
	for range 9 {
		release(t, s)
	}
	for n := 1; n <= 5; n++ {
		ended(t, s, deploy(t, s, prod, fmt.Sprint(n), n), slipway.Succeeded)
	}
	ended(t, s, deploy(t, s, prod, "6", 6), slipway.RolledBack)
	f := value(s.Acquire(t.Context(), prod, "owner", time.Minute))(t)
	state := value(s.LoadState(t.Context(), prod))(t)
	state.Target.Retained = []slipway.Retained{{Group: "g2"}}
	state.Target.Previous = slipway.RevisionID(prod.String() + "@3-3")
	state.Specs = map[slipway.GroupID]slipway.GroupSpec{"g77": {ID: "g77", Revision: slipway.Revision{Release: 7}}}
	_, err := s.CommitState(t.Context(), "owner", f, state)
	ok(t, err)
	deploy(t, s, prod, "8", 8)

	needed := map[int]bool{}
	for _, u := range value(s.Uses(t.Context(), "thoughts", 2))(t) {
		needed[u.Release] = u.Target == prod
	}
	same(t, "needed", map[int]bool{2: true, 3: true, 4: true, 5: true, 7: true, 8: true}, needed)
	all := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 99}
	marked := value(s.PruneReleases(t.Context(), "thoughts", all, 2, born))(t)
	same(t, "marked", []int{1, 6, 9}, marked)
	same(t, "marked again", []int(nil), value(s.PruneReleases(t.Context(), "thoughts", all, 2, born.Add(1)))(t))
	var kept []int
	for _, h := range value(s.Holdings(t.Context()))(t) {
		kept = append(kept, h.Number)
		if !h.CreatedAt.Equal(born.Truncate(time.Microsecond)) || h.Image == "" || h.Service != "thoughts" {
			t.Errorf("%+v", h)
		}
	}
	same(t, "kept", []int{2, 3, 4, 5, 7, 8}, kept)
	if r := value(s.Release(t.Context(), "thoughts", 1))(t); !r.Pruned.Equal(born) || r.Image == "" {
		t.Errorf("it stays as history: %+v", r)
	}
	_, _, err = s.CreateDeployment(t.Context(), slipway.Deployment{Target: prod, Release: 1, Phase: slipway.Pending}, slipway.Revision{ID: "r"}, 1)
	fails(t, slipway.Conflict, err)
	if open := value(s.Deployments(t.Context(), slipway.DeploymentFilter{Open: true}, 0))(t); len(open) != 1 || open[0].Release != 8 {
		t.Errorf("it left its mark: %+v", open)
	}
}

// A deployment and a mark at the same time: one of them is refused.
func retentionRaces(t *testing.T, s *store.Store) {
	makeTarget(t, s, prod)
	for range 10 {
		n := release(t, s)
		asked := make(chan bool)
		go func() {
			_, _, err := s.CreateDeployment(t.Context(), slipway.Deployment{Target: prod, Release: n, Phase: slipway.Pending, CreatedAt: born},
				slipway.Revision{ID: slipway.RevisionID(fmt.Sprint("r", n)), Release: n}, 1)
			if err != nil {
				fails(t, slipway.Conflict, err)
			}
			asked <- err == nil
		}()
		marked := value(s.PruneReleases(t.Context(), "thoughts", []int{n}, 1, born))(t)
		if deployed := <-asked; deployed == slices.Contains(marked, n) {
			t.Errorf("@%d: deployed %v, marked %v", n, deployed, marked)
		}
	}
}

// Logs and events go with age, but not under those who need them.
func expiry(t *testing.T, s *store.Store) {
	makeRepository(t, s)
	at := born.Add(time.Hour)
	id := func(after time.Duration) string { return fmt.Sprintf("%012x", born.Add(after).UnixMilli()) }
	job := func(after time.Duration) slipway.JobID {
		return slipway.JobID(id(after)[:8] + "-" + id(after)[8:] + "-7000-8000-000000000000")
	}
	logged := func(name string, after time.Duration, state slipway.BuildState) slipway.JobID {
		p := push("refs/heads/"+name, zero, first)
		b := newBuild(slipway.BuildID(name), p)
		b.State, b.Jobs[0].ID = state, job(after)
		_, _, err := s.RecordPush(t.Context(), p, "", b)
		ok(t, err)
		for i := range 3 {
			_, err := s.AddChunk(t.Context(), b.Jobs[0].ID, 1, store.Chunk{Sequence: i})
			ok(t, err)
		}
		return b.Jobs[0].ID
	}
	old, open := logged("old", 0, slipway.BuildPassed), logged("open", 1e6, slipway.BuildRunning)
	released, young := logged("released", 2e6, slipway.BuildPassed), logged("young", time.Hour, slipway.BuildPassed)
	_, _, err := s.CreateRelease(t.Context(), newRelease("thoughts", "released", "sha256:1"))
	ok(t, err)
	if h := value(s.Holdings(t.Context()))(t); len(h) != 1 || h[0].BuildSlug != string(repo)+"/3" {
		t.Errorf("%+v", h)
	}

	if n := value(s.OldLogs(t.Context(), at))(t); n != 1 {
		t.Errorf("%d old", n)
	}
	if n := value(s.ForgetLogs(t.Context(), at, 10))(t); n != 1 {
		t.Errorf("%d forgotten", n)
	}
	for j, want := range map[slipway.JobID]bool{old: true, open: false, released: false, young: false, job(5e6): true, job(2 * time.Hour): false, "odd": false} {
		if got := value(s.Forgotten(t.Context(), j, at))(t); got != want {
			t.Errorf("%s is forgotten: %v", j, got)
		}
		if chunks := value(s.Chunks(t.Context(), j, 1))(t); (j == open || j == released || j == young) != (len(chunks) == 3) {
			t.Errorf("%s has %d", j, len(chunks))
		}
	}

	before := value(s.LastEvent(t.Context()))(t)
	ok(t, s.AppendEvents(t.Context(), slipway.Event{Text: "1"}, slipway.Event{Text: "2"}, slipway.Event{Text: "3"}))
	ok(t, s.DeleteEvents(t.Context(), []int64{before + 1, before + 3}))
	ok(t, s.DeleteEvents(t.Context(), nil))
	if left := value(s.Events(t.Context(), before, slipway.EventFilter{}, 0))(t); len(left) != 1 || left[0].Text != "2" {
		t.Errorf("left are %+v", left)
	}
	for name, a := range map[slipway.AgentID]slipway.Agent{
		"gone": {State: slipway.AgentLost, LastSeen: born}, "here": {State: slipway.AgentConnected, LastSeen: born}, "back": {State: slipway.AgentLost, LastSeen: at},
	} {
		a.ID = name
		ok(t, s.SaveAgent(t.Context(), a))
		ok(t, s.ForgetAgent(t.Context(), name, at))
	}
	if left := value(s.Agents(t.Context()))(t); len(left) != 2 || left[0].ID != "back" {
		t.Errorf("left are %+v", left)
	}
}
