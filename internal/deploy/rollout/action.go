package rollout

import (
	"fmt"
	"maps"
	"slices"

	"github.com/slipway-cd/slipway"
)

// actions lists what is not yet as it was decided, in the order in which it is
// safe: groups before routes, routes before stops. A group is made smaller
// before its instance is stopped, or healing would bring the instance back.
func (p *plan) actions(fence slipway.Fence) []slipway.Action {
	l := list{prefix: p.prefix(), fence: fence}
	p.applyGroups(&l)
	p.applyRoute(&l)
	if p.task != nil {
		l.add(slipway.Action{Kind: slipway.RunTask, Task: p.task}, string(p.task.ID))
	}
	p.endTask(&l)
	p.endInstances(&l)
	return l.actions
}

func (p *plan) applyGroups(l *list) {
	for _, g := range p.groups() {
		seen, _ := p.observed(g)
		spec := p.next.Specs[g]
		if !unknown(spec) && (seen.Replicas != spec.Replicas || p.running(seen) < spec.Replicas || p.otherwise(seen, spec.Active)) {
			spec.Fence = l.fence
			l.add(slipway.Action{Kind: slipway.ApplyGroup, Group: &spec}, string(g))
		}
	}
}

// otherwise reports whether a worker that can be told is not as active as it
// should be.
func (p *plan) otherwise(g slipway.GroupStatus, active bool) bool {
	passive := p.next.Specs[g.ID].Revision.Run.Passive
	return passive && slices.ContainsFunc(g.Instances, func(i slipway.InstanceStatus) bool {
		return !ending(i) && i.Active != active
	})
}

// running counts what a driver counts: all that is not ending, nor asked to.
func (p *plan) running(g slipway.GroupStatus) int {
	n := 0
	for _, i := range g.Instances {
		if !ending(i) && !p.next.Draining[i.ID].Stopped {
			n++
		}
	}
	return n
}

// applyRoute sends the newest route until every router has it. Without any
// router there is nobody to tell whether it was stored.
func (p *plan) applyRoute(l *list) {
	r := p.next.Route
	if r == nil {
		return
	}
	behind := len(p.was.Routes) == 0
	for _, s := range p.was.Routes {
		behind = behind || s.Fence.Less(r.Fence)
	}
	if behind {
		l.add(slipway.Action{Kind: slipway.ApplyRoute, Route: r}, r.Fence.String())
	}
}

func (p *plan) endInstances(l *list) {
	for _, id := range slices.Sorted(maps.Keys(p.next.Draining)) {
		drain := p.next.Draining[id]
		i, found := p.instance(id)
		switch {
		case !found || !drain.Stopped:
		case !p.quiet(id, drain): // it was when that was decided; a router has come since
		case i.Phase == slipway.InstanceStopped:
			l.add(slipway.Action{Kind: slipway.ForgetInstance, Instance: id}, string(id))
		case i.Phase != slipway.InstanceStopping:
			l.add(slipway.Action{Kind: slipway.StopInstance, Instance: id}, string(id))
		}
	}
}

// prefix names what the actions are for, in their IDs.
func (p *plan) prefix() string {
	d := p.next.Deployment
	if d == nil || d.Phase == slipway.Pending || d.Phase.Ended() {
		return "steady"
	}
	return fmt.Sprintf("deployment-%d.%d", d.ID, d.At+1)
}

// list collects actions and names them: deployment and stage (or steady), kind
// and subject. The same action has the same name each time it is planned.
type list struct {
	prefix  string
	fence   slipway.Fence
	actions []slipway.Action
}

func (l *list) add(a slipway.Action, subject string) {
	a.ID = slipway.ActionID(fmt.Sprintf("%s.%s.%s", l.prefix, a.Kind, subject))
	a.Fence = l.fence
	l.actions = append(l.actions, a)
}
