package rollout

import (
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

// LeaseFor is how long routers keep a leased weight after they have heard of
// the server last.
const LeaseFor = 15 * time.Second

// carry gives the candidate the weight of its stage, once it has the instances
// to carry it. Until then it has the weight of the stage before.
func (p *plan) carry(d *slipway.Deployment, stage slipway.Stage) {
	if stage.ByReady || p.was.Target.Kind != slipway.Web || d.Weight == stage.Weight {
		return
	}
	d.Weight = stage.Weight
	if stage.Weight > 0 {
		p.say("@%d gets %s of the traffic", d.Release, percent(stage.Weight))
	}
}

// held reports whether the stage has lasted as long as it has to. The time runs
// from when every router has its weight, and anew when a router has gone back to
// the old group by itself or the new group had nobody to carry the weight. It is
// over when every router has said so since: one that is silent may have gone
// back. Where there is no router nothing is held.
func (p *plan) held(d *slipway.Deployment, stage slipway.Stage) bool {
	if stage.ByReady && stage.Hold == 0 {
		return true
	}
	if p.was.Target.Kind == slipway.Web && stage.Hold > 0 && len(p.was.Routes) == 0 {
		p.say("waits for a router: there is none that gives @%d its traffic", d.Release)
		d.Held = time.Time{}
		return false
	}
	for _, r := range p.was.Routes {
		if r.Lapsed {
			p.sayLapsed(d, r)
			d.Held = time.Time{}
			return false
		}
	}
	if !p.weighs(d, stage) {
		return false
	}
	if !p.served(d.Candidate) {
		p.sayUnserved()
		return false
	}
	if d.Held.IsZero() || p.joined(d) {
		d.Held, d.HeldBy = p.now, p.routers()
	}
	return stage.Hold == 0 || isPromoted(d) || p.over(d, stage)
}

// lostWeight ends the hold of a candidate that had nobody to carry its weight,
// however short that was.
func (p *plan) lostWeight(d *slipway.Deployment, stage slipway.Stage) {
	if stage.Hold > 0 && !p.weighs(d, stage) {
		d.Held = time.Time{}
	}
}

// weighs reports whether the candidate has its weight in the route that is
// committed, where the stage gives one.
func (p *plan) weighs(d *slipway.Deployment, stage slipway.Stage) bool {
	return stage.ByReady || p.weightOf(d.Candidate) >= d.Weight
}

// joined reports whether there is a router that was not there when d began to be
// held: a restored database had forgotten it, or it is new. It gives the weight
// since now, as far as anybody knows.
func (p *plan) joined(d *slipway.Deployment) bool {
	return slices.ContainsFunc(p.routers(), func(r slipway.RouterID) bool { return !slices.Contains(d.HeldBy, r) })
}

// routers are those that count.
func (p *plan) routers() (all []slipway.RouterID) {
	for _, r := range p.was.Routes {
		all = append(all, r.Router)
	}
	slices.Sort(all)
	return all
}

// over reports whether the hold of a stage is over by what every router says.
func (p *plan) over(d *slipway.Deployment, stage slipway.Stage) bool {
	for _, r := range p.was.Routes {
		if stage.Leased && d.Held.Before(r.Keeps) {
			p.sayLapsed(d, r)
			d.Held = r.Keeps
		}
	}
	over := d.Held.Add(stage.Hold)
	if p.now.Before(over) {
		p.wakeAt(over)
		return false
	}
	unheard := func(r slipway.RouteStatus) bool { return !r.Heard.IsZero() && r.Heard.Before(over) }
	if slices.ContainsFunc(p.was.Routes, unheard) {
		p.wakeAt(p.now.Add(reportsEvery))
		return false
	}
	return true
}

// reportsEvery is how often routers speak.
const reportsEvery = time.Second

// weightOf is the weight of g in the route that is committed; workers have
// none, and need none.
func (p *plan) weightOf(g slipway.GroupID) slipway.BasisPoints {
	if p.was.Route != nil {
		for _, s := range p.was.Route.Shares {
			if s.Group == g {
				return s.Weight
			}
		}
	}
	return 0
}

// byWeight reports whether traffic is split as the deployment's stage says, not
// by what is ready. On the way back in place it follows what is ready: neither
// group alone can carry what the stage gave it.
func byWeight(d *slipway.Deployment) bool {
	if d == nil || d.Phase != slipway.Progressing && d.Phase != slipway.RollingBack || d.At >= len(d.Stages) {
		return false
	}
	if d.Phase == slipway.RollingBack && vacates(d) && d.Weight > 0 {
		return false
	}
	return !d.Stages[d.At].ByReady
}

// leased reports whether the weights that the deployment gives are only lent.
func leased(d *slipway.Deployment) bool {
	return byWeight(d) && d.Phase == slipway.Progressing && d.Stages[d.At].Leased && d.Stable != "" && d.Weight > 0 && d.Weight < slipway.All
}
