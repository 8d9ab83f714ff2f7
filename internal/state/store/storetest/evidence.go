package storetest

import (
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/store"
)

func evidence(t *testing.T, s *store.Store) {
	makeTarget(t, s, prod)
	d := deploy(t, s, prod, "", 2)
	same(t, "evidence of nobody", slipway.Looks{}, value(s.Evidence(t.Context(), d.ID))(t))
	from := value(s.Acquire(t.Context(), prod, "me", lease))(t)
	keep := func(owner string, from slipway.Fence, behind int, ledger string, batches ...string) error {
		more := slipway.Looks{Ledger: []byte(ledger)}
		for _, b := range batches {
			more.Batches = append(more.Batches, []byte(b))
		}
		return s.AppendEvidence(t.Context(), owner, from, prod, d.ID, behind, more)
	}
	ok(t, keep("me", from, 0, "one", "1", "2"))
	ok(t, keep("me", from, 2, "two", "3"))
	for name, err := range map[string]error{
		"by another":      keep("you", from, 3, "x", "4"),
		"of another time": keep("me", from.Next(), 3, "x", "4"),
		"too late":        keep("me", from, 2, "x", "3"),
		"too early":       keep("me", from, 4, "x", "5"),
		"from the start":  keep("me", from, 0, "x", "1"),
	} {
		t.Log(name)
		fails(t, slipway.Stale, err)
	}
	want := slipway.Looks{Ledger: []byte("two"), Batches: [][]byte{[]byte("1"), []byte("2"), []byte("3")}}
	same(t, "evidence", want, value(s.Evidence(t.Context(), d.ID))(t))
	same(t, "batches", want.Batches, value(s.Batches(t.Context(), d.ID, 0))(t))
	same(t, "new batches", want.Batches[2:], value(s.Batches(t.Context(), d.ID, 2))(t))
	same(t, "no new batches", 0, len(value(s.Batches(t.Context(), d.ID, 3))(t)))

	forgotten := func(at time.Time, dry bool) int { return value(s.ForgetEvidence(t.Context(), at, 10, dry))(t) }
	same(t, "while it moves", 0, forgotten(born.Add(1000*time.Hour), false))
	state := value(s.LoadState(t.Context(), prod))(t)
	state.Deployment.Phase, state.Deployment.FinishedAt = slipway.Failed, born
	value(s.CommitState(t.Context(), "me", from, state))(t)
	same(t, "while it is young", 0, forgotten(born, false))
	same(t, "old, dry", 1, forgotten(born.Add(time.Hour), true))
	same(t, "old", 1, forgotten(born.Add(time.Hour), false))
	same(t, "gone", slipway.Looks{}, value(s.Evidence(t.Context(), d.ID))(t))
	same(t, "gone batches", 0, len(value(s.Batches(t.Context(), d.ID, 0))(t)))
}
