package rollout

import (
	"cmp"
	"iter"
	"maps"
	"slices"

	"github.com/slipway-cd/slipway"
)

// observed is what the driver found of group g.
func (p *plan) observed(g slipway.GroupID) (slipway.GroupStatus, bool) {
	for _, s := range p.was.Groups {
		if s.ID == g {
			return s, true
		}
	}
	return slipway.GroupStatus{}, false
}

// instance is what the driver found of instance i.
func (p *plan) instance(i slipway.InstanceID) (slipway.InstanceStatus, bool) {
	for _, g := range p.was.Groups {
		for _, s := range g.Instances {
			if s.ID == i {
				return s, true
			}
		}
	}
	return slipway.InstanceStatus{}, false
}

// groups are those that we decide about, the oldest first.
func (p *plan) groups() []slipway.GroupID {
	return slices.SortedFunc(maps.Keys(p.next.Specs), byAge)
}

// members are the instances of g that stay as far as is decided, sorted.
func (p *plan) members(g slipway.GroupID) []slipway.InstanceStatus {
	s, _ := p.observed(g)
	var members []slipway.InstanceStatus
	for _, i := range s.Instances {
		if _, leaving := p.next.Draining[i.ID]; !leaving && !ending(i) {
			members = append(members, i)
		}
	}
	slices.SortFunc(members, func(a, b slipway.InstanceStatus) int { return cmp.Compare(a.ID, b.ID) })
	return members
}

// ready counts the members of g that are ready.
func (p *plan) ready(g slipway.GroupID) int {
	n := 0
	for _, i := range p.members(g) {
		if i.Phase == slipway.InstanceReady {
			n++
		}
	}
	return n
}

// capacity counts what is ready in all groups and stays, but for who was never
// to serve yet.
func (p *plan) capacity() int {
	n := 0
	for _, g := range p.groups() {
		if !p.untried(g) {
			n += p.ready(g)
		}
	}
	return n
}

// untried reports whether g was never to serve yet: it is a candidate that had no
// weight so far, or is passive.
func (p *plan) untried(g slipway.GroupID) bool {
	d := p.next.Deployment
	if d == nil || d.Phase == slipway.Pending || d.Phase.Ended() || d.Candidate != g || d.Weight > 0 {
		return false
	}
	stage := d.Stages[d.At]
	return !stage.ByReady || stage.Passive
}

// left counts the instances of g that still run, on their way out or not.
func (p *plan) left(g slipway.GroupID) int {
	s, _ := p.observed(g)
	n := 0
	for _, i := range s.Instances {
		if i.Phase != slipway.InstanceStopped {
			n++
		}
	}
	return n
}

// othersLeft reports whether an instance of any group but g still runs.
func (p *plan) othersLeft(g slipway.GroupID) bool { return p.leftBeside(g) > 0 }

// leftBeside counts the instances of all groups but g that still run: leftovers
// of earlier deployments take up room as well.
func (p *plan) leftBeside(g slipway.GroupID) int {
	n := 0
	for _, s := range p.was.Groups {
		if s.ID != g {
			n += p.left(s.ID)
		}
	}
	return n
}

// draining yields the instances of g that are on their way out.
func (p *plan) draining(g slipway.GroupID) iter.Seq2[slipway.InstanceID, slipway.Drain] {
	return func(yield func(slipway.InstanceID, slipway.Drain) bool) {
		for id, d := range p.next.Draining {
			if d.Group == g && !yield(id, d) {
				return
			}
		}
	}
}

func ending(i slipway.InstanceStatus) bool {
	return i.Phase == slipway.InstanceStopping || i.Phase == slipway.InstanceStopped
}

// byAge puts the group of an earlier deployment first.
func byAge(a, b slipway.GroupID) int {
	return cmp.Or(cmp.Compare(a.Deployment(), b.Deployment()), cmp.Compare(a, b))
}
