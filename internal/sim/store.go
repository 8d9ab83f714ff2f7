package sim

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

// store is the database: leases, compare-and-swap, events. What goes in is
// copied as JSON, as the real one does. What comes out is shared by all who load
// it: nobody may change it.
type store struct {
	w           *World
	epoch       uint64
	numbers     int // of deployments, never given twice
	rows        []*row
	deployments []*slipway.Deployment // by ID; replaced, never changed
	revisions   map[slipway.RevisionID]slipway.Revision
	releases    map[slipway.ServiceName][]slipway.Release // by number, from 1
	events      []slipway.Event
	order       order
}

// row is one target's state: its committed parts.
type row struct{ state slipway.State }

func newStore(w *World) *store {
	return &store{w: w, epoch: 1, revisions: map[slipway.RevisionID]slipway.Revision{}, releases: map[slipway.ServiceName][]slipway.Release{},
		order: order{declared: slices.Clone(slipway.BuiltinEnvironments[:1])}}
}

func (s *store) row(t slipway.TargetID) (*row, error) {
	for _, r := range s.rows {
		if r.state.Target.ID == t {
			return r, nil
		}
	}
	return nil, slipway.Errorf(slipway.NotFound, "no target %s", t)
}

func (s *store) Acquire(_ context.Context, t slipway.TargetID, owner string, ttl time.Duration) (slipway.Fence, error) {
	r, err := s.row(t)
	if err != nil {
		return slipway.Fence{}, err
	}
	target := &r.state.Target
	if target.Owner != owner {
		if s.w.now.Before(target.OwnedTil) {
			return slipway.Fence{}, slipway.Errorf(slipway.Conflict, "%s is owned by %s", t, target.Owner)
		}
		target.Owner = owner
		target.Fence = target.Fence.Next()
		s.w.truth.remember(r.state)
		s.w.tell("   %s belongs to %s, at %s", t, owner, target.Fence)
	}
	target.OwnedTil = s.w.now.Add(ttl)
	return target.Fence, nil
}

func (s *store) LoadState(_ context.Context, t slipway.TargetID) (slipway.State, error) {
	r, err := s.row(t)
	if err != nil {
		return slipway.State{}, err
	}
	state := r.state
	state.Deployment = s.next(t)
	return state, nil
}

// next is the deployment that moves, else the oldest that is pending.
func (s *store) next(t slipway.TargetID) *slipway.Deployment {
	var first *slipway.Deployment
	for _, d := range s.deployments {
		switch {
		case d.Target != t || d.Phase.Ended():
		case d.Phase != slipway.Pending:
			return d
		case first == nil:
			first = d
		}
	}
	return first
}

func (s *store) CommitState(_ context.Context, owner string, from slipway.Fence, next slipway.State, events ...slipway.Event) (slipway.Fence, error) {
	r, err := s.row(next.Target.ID)
	if err != nil {
		return slipway.Fence{}, err
	}
	if was := r.state.Target; (was.Owner != owner || was.Fence != from) && !s.w.options.Careless {
		return slipway.Fence{}, slipway.Errorf(slipway.Stale, "%s is at %s of %s", was.ID, was.Fence, was.Owner)
	}
	if d := next.Deployment; d != nil {
		at := s.find(d.ID)
		if at < 0 {
			return slipway.Fence{}, slipway.Errorf(slipway.Stale, "no deployment %d", d.ID)
		}
		was := s.deployments[at]
		if was.Phase.Ended() && was.Phase != d.Phase {
			return slipway.Fence{}, slipway.Errorf(slipway.Stale, "deployment %d has ended", d.ID)
		}
		s.w.checkPhase(*was, *d)
		s.deployments[at] = new(copied(*d))
	}
	target := next.Target
	target.Owner, target.OwnedTil, target.Fence = r.state.Target.Owner, r.state.Target.OwnedTil, from.Next()
	r.state = copied(slipway.State{Target: target, Specs: next.Specs, Draining: next.Draining, Route: next.Route})
	kept := r.state
	if next.Deployment != nil {
		kept.Deployment = s.deployments[s.find(next.Deployment.ID)]
	}
	s.w.truth.remember(kept)
	s.append(events)
	return target.Fence, nil
}

func (s *store) append(events []slipway.Event) {
	for _, e := range events {
		s.events = append(s.events, e)
		s.w.tell("   %s", e.Text)
	}
}

func (s *store) AppendEvents(_ context.Context, events ...slipway.Event) error {
	s.events = append(s.events, events...)
	return nil
}

func (s *store) Target(_ context.Context, t slipway.TargetID) (slipway.Target, error) {
	r, err := s.row(t)
	if err != nil {
		return slipway.Target{}, err
	}
	return r.state.Target, nil
}

func (s *store) TargetIDs(context.Context) ([]slipway.TargetID, error) {
	var all []slipway.TargetID
	for _, r := range s.rows {
		all = append(all, r.state.Target.ID)
	}
	return all, nil
}

func (s *store) Release(_ context.Context, name slipway.ServiceName, number int) (slipway.Release, error) {
	if number < 1 || number > len(s.releases[name]) {
		return slipway.Release{}, slipway.Errorf(slipway.NotFound, "no release %s", slipway.ReleaseName(name, number))
	}
	return s.releases[name][number-1], nil
}

func (s *store) Releases(_ context.Context, name slipway.ServiceName, limit int) ([]slipway.Release, error) {
	all := slices.Clone(s.releases[name])
	slices.Reverse(all)
	return all[:min(limit, len(all))], nil
}

func (s *store) ReleasesOfBuild(context.Context, slipway.BuildID) ([]slipway.Release, error) {
	return nil, nil
}

func (s *store) EnsureTarget(_ context.Context, t slipway.Target, port func([]int) (int, error)) (slipway.Target, error) {
	r, err := s.row(t.ID)
	if err == nil && (t.Kind != slipway.Web || r.state.Target.Port != 0) {
		return r.state.Target, nil
	}
	if t.Kind == slipway.Web {
		var taken []int
		for _, r := range s.rows {
			taken = append(taken, r.state.Target.Port)
		}
		given, err := port(taken)
		if err != nil {
			return t, err
		}
		t.Port, t.Preview = given, given+1000
	}
	if err == nil {
		r.state.Target.Port, r.state.Target.Preview = t.Port, t.Preview
		return r.state.Target, nil
	}
	t.Fence = slipway.Fence{Epoch: s.epoch}
	s.rows = append(s.rows, &row{state: slipway.State{Target: t}})
	s.w.targets = append(s.w.targets, t.ID)
	return t, nil
}

func (s *store) CreateDeployment(_ context.Context, d slipway.Deployment, r slipway.Revision, want int, events ...slipway.Event) (slipway.Deployment, bool, error) {
	for _, first := range s.deployments {
		if d.Key != "" && first.Key == d.Key {
			return *first, false, nil
		}
	}
	target, err := s.row(d.Target)
	if err == nil {
		_, err = s.Release(context.Background(), d.Target.Service, d.Release) // gone when the database was restored meanwhile
	}
	if err == nil {
		err = target.state.Target.CheckOpen()
	}
	if err != nil {
		return d, false, err
	}
	s.numbers++
	d.ID = slipway.DeploymentID(s.numbers)
	s.giveWay(&target.state, d)
	d.Gates = append(slices.Clip(d.Gates), s.w.gatesOf(d.ID)...)
	s.w.truth.groups[slipway.GroupOf(d.ID)] = d.Target
	d.Candidate, d.Want = slipway.GroupOf(d.ID), cmp.Or(target.state.Target.Scale, want)
	r.Deployment = d.ID
	if _, known := s.revisions[r.ID]; !known { // else it goes back to that
		s.revisions[r.ID] = copied(r)
	}
	s.deployments = append(s.deployments, new(copied(d)))
	s.append(events)
	return d, true, nil
}

// giveWay ends what waits for the target of by, and asks what moves it to go back
// where by replaces that.
func (s *store) giveWay(state *slipway.State, by slipway.Deployment) {
	for i, old := range s.deployments {
		d := *old
		switch {
		case d.Target != by.Target || d.Phase.Ended():
			continue
		case d.Phase == slipway.Pending:
			d.Phase = slipway.Superseded
			s.w.saw("phase", string(slipway.Superseded))
		case by.Replace && d.GiveWay(by, by.CreatedAt):
			s.w.saw("asked", "replace")
			state.Target.Fence = state.Target.Fence.Next()
			s.w.truth.remember(*state)
		}
		s.deployments[i] = &d
	}
}

func (s *store) Deployment(_ context.Context, d slipway.DeploymentID) (slipway.Deployment, error) {
	at := s.find(d)
	if at < 0 {
		return slipway.Deployment{}, slipway.Errorf(slipway.NotFound, "no deployment %d", d)
	}
	return *s.deployments[at], nil
}

// find is the index of a deployment, or -1.
func (s *store) find(id slipway.DeploymentID) int {
	return slices.IndexFunc(s.deployments, func(d *slipway.Deployment) bool { return d.ID == id })
}

// started reports whether the database knows that a deployment began to move: one
// that was restored may not.
func (s *store) started(d slipway.DeploymentID) bool {
	at := s.find(d)
	return at >= 0 && !s.deployments[at].StartedAt.IsZero()
}

func (s *store) Deployments(_ context.Context, f slipway.DeploymentFilter, limit int) ([]slipway.Deployment, error) {
	var found []slipway.Deployment
	for _, d := range slices.Backward(s.deployments) {
		if (f.Target == slipway.TargetID{} || f.Target == d.Target) && (!f.Open || !d.Phase.Ended()) && len(found) < limit {
			found = append(found, *d)
		}
	}
	return found, nil
}

func (s *store) Revision(_ context.Context, r slipway.RevisionID) (slipway.Revision, error) {
	rev, ok := s.revisions[r]
	if !ok {
		return rev, slipway.Errorf(slipway.NotFound, "no revision %s", r)
	}
	return rev, nil
}

// copied goes through JSON, so that nothing is shared and nothing gets lost
// that the database would lose.
func copied[T any](v T) T {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	var c T
	if err := json.Unmarshal(data, &c); err != nil {
		panic(err)
	}
	return c
}
