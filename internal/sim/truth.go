package sim

import (
	"time"

	"github.com/slipway-cd/slipway"
)

// truth is what really happened, beside what anybody believes.
type truth struct {
	history map[slipway.TargetID]map[slipway.Fence]slipway.State // all that was ever committed
	groups  map[slipway.GroupID]slipway.TargetID
	starts  map[slipway.DeploymentID]start // what deployments found
	stops   map[slipway.GroupID]int        // instances of a group that were asked to stop
	taken   map[slipway.InstanceID]bool    // who was taken out while ready
	scaled  map[slipway.DeploymentID]bool  // a person asked for another scale while it moved
	tests   map[slipway.GroupID]bool       // it has to pass tests before it gets traffic

	promoted map[slipway.DeploymentID]bool                // a person has asked to let a stage of it pass
	excused  map[slipway.DeploymentID]slipway.BasisPoints // up to this weight nothing had to be held
}

// start is what a deployment found when it began to move.
type start struct {
	ready  []slipway.InstanceID
	stops  int  // of the old group, done or decided so far
	lowest int  // scale of old or new, at any time since
	total  int  // instances that ran, of all groups
	room   bool // it replaces in place
	at     time.Time
}

func newTruth() truth {
	return truth{
		history: map[slipway.TargetID]map[slipway.Fence]slipway.State{}, groups: map[slipway.GroupID]slipway.TargetID{},
		starts: map[slipway.DeploymentID]start{}, stops: map[slipway.GroupID]int{}, taken: map[slipway.InstanceID]bool{},
		scaled: map[slipway.DeploymentID]bool{}, tests: map[slipway.GroupID]bool{},
		promoted: map[slipway.DeploymentID]bool{}, excused: map[slipway.DeploymentID]slipway.BasisPoints{},
	}
}

func (t *truth) remember(s slipway.State) {
	h := t.history[s.Target.ID]
	if h == nil {
		h = map[slipway.Fence]slipway.State{}
		t.history[s.Target.ID] = h
	}
	h[s.Target.Fence] = s
}

// forgive forgets what deployments found: the database that knew it is gone, and
// what they go on from is what there is.
func (t *truth) forgive(deployments []*slipway.Deployment) {
	for _, d := range deployments {
		t.starts[d.ID] = start{stops: t.stops[d.Stable] + 1000}
	}
}

// of is the target of a group.
func (w *World) of(g slipway.GroupID) slipway.TargetID { return w.truth.groups[g] }
