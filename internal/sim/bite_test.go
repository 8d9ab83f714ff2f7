package sim

import (
	"slices"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/controller"
)

// TestPlantedBugsAreCaught plants bugs one at a time. A simulation that finds
// none of them would say nothing with its "0 violations".
func TestPlantedBugsAreCaught(t *testing.T) {
	const within = 2000
	for _, bug := range []struct {
		name    string
		options Options
	}{
		{"acts before it commits", Options{Hasty: true}},
		{"stops before the drain is over", Options{Mutate: stopAtOnce}},
		{"does not wait for acknowledgements", Options{Mutate: skipFence}},
		{"does not wait for requests in flight", Options{Mutate: skipInFlight}},
		{"routes to who was never ready", Options{Mutate: believeStarting}},
		{"lets the old go before the new is ready", Options{Mutate: oldFirst}},
		{"forgets to bring the old back before the new goes", Options{Mutate: newFirst}},
		{"weights that do not add up", Options{Mutate: halfWeight}},
		{"succeeds when the new is merely started", Options{Mutate: succeedEarly}},
		{"opens what has ended again", Options{Mutate: reopen}},
		{"never gives up", Options{Mutate: noDeadline}},
		{"leaves leftovers running", Options{Mutate: leaveLeftovers}},
		{"runs twice what must not", Options{Mutate: neverVacate}},
	} {
		t.Run(bug.name, func(t *testing.T) {
			t.Parallel()
			counts, bad := search(1, within, bug.options, 1)
			if len(bad) == 0 {
				t.Fatalf("not caught within %d seeds", within)
			}
			t.Logf("caught after %d events: seed %d: %s", counts.Events, bad[0].Seed, bad[0].Violation)
		})
	}
}

// wrap makes a mutation of what goes into a plan and what comes out.
func wrap(in func(*slipway.State), out func(slipway.State, *slipway.Decision)) func(controller.Planner) controller.Planner {
	return func(plan controller.Planner) controller.Planner {
		return func(s slipway.State, now time.Time) slipway.Decision {
			if in != nil {
				s = copied(s)
				in(&s)
			}
			d := plan(s, now)
			if out != nil {
				out(s, &d)
			}
			return d
		}
	}
}

var stopAtOnce = wrap(nil, func(s slipway.State, d *slipway.Decision) {
	if !d.Changed {
		return
	}
	for id, drain := range d.Next.Draining {
		if !drain.Stopped {
			drain.Stopped = true
			d.Next.Draining[id] = drain
			d.Actions = append(d.Actions, slipway.Action{Kind: slipway.StopInstance, Instance: id, Fence: s.Target.Fence.Next()})
		}
	}
})

var skipFence = wrap(nil, func(s slipway.State, d *slipway.Decision) {
	if !d.Changed {
		return
	}
	for id, drain := range d.Next.Draining {
		flying := func(r slipway.RouteStatus) bool { return r.InFlight[id] > 0 }
		if !drain.Stopped && !slices.ContainsFunc(s.Routes, flying) {
			drain.Stopped = true
			d.Next.Draining[id] = drain
			d.Actions = append(d.Actions, slipway.Action{Kind: slipway.StopInstance, Instance: id, Fence: s.Target.Fence.Next()})
		}
	}
})

var skipInFlight = wrap(func(s *slipway.State) {
	for i := range s.Routes {
		s.Routes[i].InFlight = nil
	}
}, nil)

var believeStarting = wrap(func(s *slipway.State) {
	for _, g := range s.Groups {
		for i := range g.Instances {
			if g.Instances[i].Phase == slipway.InstanceStarting {
				g.Instances[i].Phase = slipway.InstanceReady
			}
		}
	}
}, nil)

var oldFirst = wrap(func(s *slipway.State) {
	if d := s.Deployment; d != nil && d.Phase == slipway.Progressing && d.Stages[0].Order == slipway.Surge {
		for i := range len(d.Stages) - 1 {
			d.Stages[i].New = 0
		}
		d.Floor = 0
	}
}, nil)

var newFirst = wrap(func(s *slipway.State) {
	if d := s.Deployment; d != nil && d.Phase == slipway.RollingBack {
		d.Touched, d.Floor = false, 0
	}
}, nil)

var halfWeight = wrap(nil, func(_ slipway.State, d *slipway.Decision) {
	if r := d.Next.Route; d.Changed && r != nil && len(r.Shares) > 1 {
		r.Shares[0].Weight /= 2
	}
})

var succeedEarly = wrap(nil, func(_ slipway.State, d *slipway.Decision) {
	dep := d.Next.Deployment
	if d.Changed && dep != nil && dep.Phase == slipway.Progressing && dep.At == len(dep.Stages)-1 {
		dep.Phase = slipway.Succeeded
		d.Next.Target.Stable, d.Next.Target.Want = dep.Candidate, dep.Want
	}
})

var reopen = wrap(nil, func(_ slipway.State, d *slipway.Decision) {
	if dep := d.Next.Deployment; d.Changed && dep != nil && dep.Phase == slipway.RollingBack && !dep.Waiting.IsZero() {
		dep.Phase = slipway.Progressing
		dep.At = 0
	}
})

var noDeadline = wrap(func(s *slipway.State) {
	if d := s.Deployment; d != nil {
		d.Waiting = time.Time{}
	}
}, nil)

var leaveLeftovers = wrap(func(s *slipway.State) {
	s.Groups = slices.DeleteFunc(s.Groups, func(g slipway.GroupStatus) bool {
		return s.Deployment == nil && g.ID != s.Target.Stable
	})
}, nil)

var neverVacate = wrap(func(s *slipway.State) {
	if d := s.Deployment; d != nil {
		for i := range d.Stages {
			d.Stages[i].Order = slipway.Surge
		}
	}
}, nil)
