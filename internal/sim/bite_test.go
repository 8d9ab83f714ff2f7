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
		first   uint64 // where to begin to look: the one that caught it, for those that hide well
	}{
		{"acts before it commits", Options{Hasty: true}, 1},
		{"executors do not ask who calls", Options{Unfenced: true}, 1},
		{"stops before the drain is over", Options{Mutate: stopAtOnce}, 1},
		{"does not wait for acknowledgements", Options{Mutate: skipFence}, 1},
		{"does not wait for requests in flight", Options{Mutate: skipInFlight}, 1},
		{"ignores a router", Options{Mutate: ignoreRouter}, 1},
		{"drains the wrong instance", Options{Mutate: drainReady}, 1},
		{"routes to who was never ready", Options{Mutate: believeStarting}, 1},
		{"routes to nobody when all are unready", Options{Mutate: dropUnready}, 1},
		{"lets the old go before the new is ready", Options{Mutate: oldFirst}, 1},
		{"cuts what is old too early", Options{Mutate: cutEarly}, 1},
		{"forgets to bring the old back before the new goes", Options{Mutate: newFirst}, 1},
		{"weights that do not add up", Options{Mutate: halfWeight}, 1},
		{"gives weight before enough are ready", Options{Mutate: weightEarly}, 1},
		{"gives more than the stage", Options{Mutate: moreWeight}, 1},
		{"forgets the fallback", Options{Mutate: noFallback}, 1},
		{"lends for ever", Options{Mutate: endlessLease}, 1},
		{"gives traffic to who is merely kept", Options{Mutate: keptServes}, 1},
		{"does not hold", Options{Mutate: noHold}, 1},
		{"counts a hold while a router has gone back", Options{Mutate: ignoreLapse}, 1300},
		{"ignores what the tests said", Options{Mutate: ignoreTests}, 1},
		{"ignores the evidence of a stage", Options{Mutate: ignoreGates}, 1},
		{"goes past what nobody let pass", Options{Mutate: promoteAll}, 1},
		{"replaces one instance after another", Options{Mutate: replaceOn}, 300},
		{"lets a passive worker work", Options{Mutate: activeEarly}, 1},
		{"succeeds when the new is merely started", Options{Mutate: succeedEarly}, 1},
		{"is stable on the wrong group after going back", Options{Mutate: wrongStable}, 1},
		{"opens what has ended again", Options{Mutate: reopen}, 1},
		{"never gives up", Options{Mutate: noDeadline}, 1},
		{"starts what crashes until its deadline", Options{Mutate: neverTired}, 1},
		{"gives up at the first crash", Options{Mutate: soonTired}, 1},
		{"leaves leftovers running", Options{Mutate: leaveLeftovers}, 1},
		{"lets go of what is kept before its time", Options{Mutate: keepShort}, 1},
		{"never lets go of what is kept", Options{Mutate: keepForEver}, 1},
		{"commits over what a newer owner committed", Options{Careless: true}, 1},
		{"does not notice that the epoch changed", Options{Mutate: ignoreEpoch}, 1},
		{"starts what is locked", Options{Mutate: pass(controller.GateLock)}, 1},
		{"starts what is frozen", Options{Mutate: pass(controller.GateFreeze)}, 1},
		{"starts what nobody agreed to", Options{Mutate: pass(controller.GateApproval)}, 1},
		{"starts what is locked since it was planned", Options{Lax: true}, 500},
		{"gives tables to routers that do not count", Options{Eager: true}, 1700},
		{"routes as before in another place", Options{Trusting: true}, 1},
		{"replaces in place without room", Options{Mutate: noRoom}, 1},
		{"runs twice what must not", Options{Mutate: neverVacate}, 1},
	} {
		t.Run(bug.name, func(t *testing.T) {
			t.Parallel()
			counts, bad := search(bug.first, within-int(bug.first)+1, bug.options, 1)
			if len(bad) == 0 {
				t.Fatalf("not caught within the first %d seeds", within)
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

// stop adds that an instance is stopped to a decision that changes something.
func stop(s slipway.State, d *slipway.Decision, id slipway.InstanceID) {
	drain := d.Next.Draining[id]
	drain.Stopped = true
	d.Next.Draining[id] = drain
	d.Actions = append(d.Actions, slipway.Action{Kind: slipway.StopInstance, Instance: id, Fence: s.Target.Fence.Next()})
}

// moving is the deployment of a state that makes its way, or nil.
func moving(s *slipway.State) *slipway.Deployment {
	if d := s.Deployment; d != nil && d.Phase == slipway.Progressing {
		return d
	}
	return nil
}

var stopAtOnce = wrap(nil, func(s slipway.State, d *slipway.Decision) {
	for id, drain := range d.Next.Draining {
		if d.Changed && !drain.Stopped {
			stop(s, d, id)
		}
	}
})

var skipFence = wrap(nil, func(s slipway.State, d *slipway.Decision) {
	for id, drain := range d.Next.Draining {
		flying := func(r slipway.RouteStatus) bool { return r.InFlight[id] > 0 }
		if d.Changed && !drain.Stopped && !slices.ContainsFunc(s.Routes, flying) {
			stop(s, d, id)
		}
	}
})

var skipInFlight = wrap(func(s *slipway.State) {
	for i := range s.Routes {
		s.Routes[i].InFlight = nil
	}
}, nil)

var ignoreRouter = wrap(func(s *slipway.State) {
	if len(s.Routes) > 1 {
		s.Routes = s.Routes[:1]
	}
}, nil)

// drainReady stops somebody else in place of the one that has drained.
var drainReady = wrap(nil, func(_ slipway.State, d *slipway.Decision) {
	for i, a := range d.Actions {
		if a.Kind != slipway.StopInstance || d.Next.Route == nil {
			continue
		}
		for _, share := range d.Next.Route.Shares {
			d.Actions[i].Instance = share.Endpoints[0].Instance
		}
	}
})

var (
	believeStarting = wrap(mistake(slipway.InstanceStarting, slipway.InstanceReady), nil)
	dropUnready     = wrap(mistake(slipway.InstanceUnready, slipway.InstanceStarting), nil)
)

// mistake takes all instances of one phase for those of another.
func mistake(one, other slipway.InstancePhase) func(*slipway.State) {
	return func(s *slipway.State) {
		for _, g := range s.Groups {
			for i := range g.Instances {
				if g.Instances[i].Phase == one {
					g.Instances[i].Phase = other
				}
			}
		}
	}
}

var oldFirst = wrap(func(s *slipway.State) {
	if d := moving(s); d != nil && d.Stages[0].Order == slipway.Surge {
		for i := range len(d.Stages) - 1 {
			d.Stages[i].New = 0
		}
		d.Floor = 0
	}
}, nil)

// cutEarly lets the old group of a canary go while the new one is on trial.
var cutEarly = wrap(func(s *slipway.State) {
	if d := moving(s); d != nil && d.Stages[d.At].Leased {
		d.Stages[d.At].Old, d.Floor, s.Target.Want = 0, 0, max(1, s.Target.Want-1)
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

var weightEarly = wrap(nil, func(_ slipway.State, d *slipway.Decision) {
	dep := d.Next.Deployment
	if dep == nil || !d.Changed || dep.Phase != slipway.Progressing || dep.At+1 == len(dep.Stages) {
		return
	}
	if next := dep.Stages[dep.At+1]; next.Leased && !dep.Stages[dep.At].Preview {
		dep.At++
		dep.Weight = next.Weight
	}
})

var moreWeight = wrap(nil, func(_ slipway.State, d *slipway.Decision) {
	dep := d.Next.Deployment
	if dep == nil || !d.Changed || d.Next.Route == nil || len(d.Next.Route.Shares) != 2 {
		return
	}
	shares := d.Next.Route.Shares
	if given := shares[1].Weight; shares[1].Group == dep.Candidate && given > 0 && given < slipway.All {
		shares[0].Weight, shares[1].Weight = 0, slipway.All
	}
})

var noFallback = wrap(nil, func(_ slipway.State, d *slipway.Decision) {
	if r := d.Next.Route; d.Changed && r != nil {
		r.Fallback = ""
	}
})

var endlessLease = wrap(nil, func(_ slipway.State, d *slipway.Decision) {
	if r := d.Next.Route; d.Changed && r != nil && r.Lease > 0 {
		r.Lease = 24 * time.Hour
	}
})

var keptServes = wrap(nil, func(_ slipway.State, d *slipway.Decision) {
	if r := d.Next.Route; d.Changed && r != nil && len(r.Shares) == 2 && len(d.Next.Target.Retained) > 0 {
		r.Shares[0].Weight, r.Shares[1].Weight = slipway.All/2, slipway.All/2
	}
})

// keepShort lets go of what is kept before its time is over.
var keepShort = wrap(func(s *slipway.State) {
	for i := range s.Target.Retained {
		s.Target.Retained[i].Until = s.Target.Retained[i].Until.Add(-time.Hour)
	}
}, nil)

var noHold = wrap(func(s *slipway.State) {
	if d := moving(s); d != nil && !d.Held.IsZero() {
		d.Held = d.Held.Add(-time.Hour)
	}
}, nil)

var ignoreLapse = wrap(func(s *slipway.State) {
	for i := range s.Routes {
		s.Routes[i].Lapsed, s.Routes[i].Keeps, s.Routes[i].Heard = false, time.Time{}, time.Time{}
	}
}, nil)

var ignoreTests = wrap(func(s *slipway.State) {
	for id, t := range s.Tasks {
		t.State = slipway.TaskPassed
		s.Tasks[id] = t
	}
}, nil)

var ignoreGates = wrap(func(s *slipway.State) {
	if d := moving(s); d != nil {
		for id := range s.Verdicts {
			s.Verdicts[id] = slipway.Verdict{State: slipway.GatePass}
		}
	}
}, nil)

var promoteAll = wrap(nil, func(_ slipway.State, d *slipway.Decision) {
	if dep := moving(&d.Next); dep != nil && d.Changed {
		dep.Promoted = dep.At + 1
	}
})

var replaceOn = wrap(func(s *slipway.State) {
	if d := moving(s); d != nil {
		d.Replaced = ""
	}
}, nil)

// pass goes past a gate before the start.
func pass(g slipway.GateID) func(controller.Planner) controller.Planner {
	return wrap(func(s *slipway.State) {
		if _, asked := s.Verdicts[g]; asked {
			s.Verdicts[g] = slipway.Verdict{State: slipway.GatePass}
		}
	}, nil)
}

var activeEarly = wrap(nil, func(_ slipway.State, d *slipway.Decision) {
	for id, spec := range d.Next.Specs {
		if d.Changed && !spec.Active {
			spec.Active = true
			d.Next.Specs[id] = spec
		}
	}
})

var succeedEarly = wrap(nil, func(s slipway.State, d *slipway.Decision) {
	dep := d.Next.Deployment
	if d.Changed && moving(&s) != nil && dep != nil && dep.Phase == slipway.Progressing && dep.At == len(dep.Stages)-1 {
		dep.Phase = slipway.Succeeded
		d.Next.Target.Stable, d.Next.Target.Want = dep.Candidate, dep.Want
	}
})

var wrongStable = wrap(nil, func(_ slipway.State, d *slipway.Decision) {
	if dep := d.Next.Deployment; d.Changed && dep != nil && dep.Phase == slipway.RolledBack {
		d.Next.Target.Stable = dep.Candidate
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

// restarts lies about how often instances were restarted.
func restarts(n int) func(*slipway.State) {
	return func(s *slipway.State) {
		for _, g := range s.Groups {
			for i := range g.Instances {
				if g.Instances[i].Restarts > 0 {
					g.Instances[i].Restarts = n
				}
			}
		}
	}
}

var neverTired = wrap(restarts(1), nil)

var soonTired = wrap(func(s *slipway.State) {
	restarts(mostStarts)(s)
	crashed := func(i slipway.InstanceStatus) bool { return i.Restarts > 0 }
	for _, g := range s.Groups {
		if d := moving(s); d != nil && !d.Waiting.IsZero() && g.ID == d.Candidate && slices.ContainsFunc(g.Instances, crashed) {
			d.Waiting = d.Waiting.Add(-leastAwaited)
		}
	}
}, nil)

var leaveLeftovers = wrap(func(s *slipway.State) {
	s.Groups = slices.DeleteFunc(s.Groups, func(g slipway.GroupStatus) bool {
		return s.Deployment == nil && g.ID != s.Target.Stable
	})
}, nil)

var keepForEver = wrap(func(s *slipway.State) {
	for i := range s.Target.Retained {
		s.Target.Retained[i].Until = s.Target.Retained[i].Until.Add(24 * time.Hour)
	}
}, nil)

var ignoreEpoch = wrap(func(s *slipway.State) {
	for i := range s.Groups {
		s.Groups[i].Fence.Epoch = s.Target.Fence.Epoch
	}
	for id, drain := range s.Draining {
		drain.Fence.Epoch = s.Target.Fence.Epoch
		s.Draining[id] = drain
	}
}, nil)

var noRoom = wrap(func(s *slipway.State) {
	if d := moving(s); d != nil && detaches(d) {
		for i := range d.Stages {
			d.Stages[i].Order = slipway.Surge
		}
	}
}, nil)

var neverVacate = wrap(func(s *slipway.State) {
	if d := s.Deployment; d != nil {
		for i := range d.Stages {
			d.Stages[i].Order = slipway.Surge
		}
	}
}, nil)
