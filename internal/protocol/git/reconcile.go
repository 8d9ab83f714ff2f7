package git

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway"
)

const zero = slipway.Commit("0000000000000000000000000000000000000000")

// Reconcile delivers every change of a ref that the store has not heard of:
// those that a crash cut off from their hook, and those made around the server.
// Call it when the server starts.
func (s *Server) Reconcile(ctx context.Context) error {
	s.adopt(ctx) // first, in the names of those who pushed
	repositories, err := s.Store.Repositories(ctx)
	if err != nil {
		return err
	}
	for _, r := range repositories {
		err := s.reconcile(ctx, r.Name, slipway.Principal{Actor: slipway.System})
		if slipway.CodeOf(err) == slipway.Unavailable {
			s.Log.Info("a repository is being pushed to", "repository", r.Name)
		} else if err != nil {
			// One damaged repository must not keep the others from working.
			s.Log.Error("reading the refs of a repository", "repository", r.Name, "err", err)
		}
	}
	return ctx.Err()
}

// reconcile returns Unavailable while somebody pushes to the repository, by this
// server or another: that push is told by its own hook.
func (s *Server) reconcile(ctx context.Context, name slipway.RepositoryName, by slipway.Principal) error {
	claim, err := s.claim(ctx, name, true)
	if err != nil {
		return err
	}
	defer claim.release()
	found, err := s.refsOnDisk(ctx, name)
	if err != nil {
		return err
	}
	recorded, err := s.Store.Refs(ctx, name)
	if err != nil {
		return err
	}
	both := maps.Clone(found)
	maps.Copy(both, recorded)
	var failed []error
	for _, ref := range slices.SortedFunc(maps.Keys(both), defaultFirst) {
		from, to := orZero(recorded[ref]), orZero(found[ref])
		if from == to {
			continue
		}
		s.Log.Info("a ref changed unheard", "repository", name, "ref", ref, "from", from.Short(), "to", to.Short())
		failed = append(failed, s.deliver(ctx, pushed(by, name, ref, from, to)).lost())
	}
	return errors.Join(failed...)
}

// defaultFirst puts master and main before other refs, as a first push would.
func defaultFirst(a, b string) int {
	if x, y := isDefault(a), isDefault(b); x != y {
		if x {
			return -1
		}
		return 1
	}
	return strings.Compare(a, b)
}

func orZero(c slipway.Commit) slipway.Commit {
	if c.IsZero() {
		return zero
	}
	return c
}
