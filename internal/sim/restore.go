package sim

import (
	"maps"
	"slices"

	"github.com/slipway-cd/slipway"
)

// backup is the database as it was. What it holds is never changed in place.
type backup struct {
	rows        []row
	deployments []*slipway.Deployment
	releases    map[slipway.ServiceName][]slipway.Release
	routes      map[slipway.TargetID]slipway.Route
	targets     []slipway.TargetID
	order       order
	place       int // where it was made
}

// mostRestores of one world: nobody lives through more.
const mostRestores = 2

func (w *World) backUpOrRestore() {
	restored := int(w.store.epoch) - 1
	if len(w.backups) == 0 || w.chance(2) || restored == mostRestores {
		w.backUp()
		return
	}
	b := w.backups[w.rng.IntN(len(w.backups))]
	switch moves := b.place != w.place || w.chance(2); {
	case !moves:
		w.restore(b)
	case w.suspended == 0: // else somebody would go on in another place
		w.restore(b)
		w.move()
	}
}

func (w *World) backUp() {
	b := backup{deployments: slices.Clone(w.store.deployments), releases: map[slipway.ServiceName][]slipway.Release{}, routes: maps.Clone(w.routes), targets: slices.Clone(w.targets), order: w.store.order.clone(), place: w.place}
	for _, r := range w.store.rows {
		b.rows = append(b.rows, *r)
	}
	for service, all := range w.store.releases {
		b.releases[service] = slices.Clip(all)
	}
	w.backups = append(w.backups, b)
	w.tell("     the database is backed up")
}

// restore brings the database back to what it was, as a person does with all
// servers down: they start anew, and the epoch changes. What happened since is
// known to drivers and routers only.
func (w *World) restore(b backup) {
	w.fault("database restored")
	w.tell("     the database is restored, with %d of %d deployments", len(b.deployments), len(w.store.deployments))
	s := w.store
	s.epoch++
	s.rows = nil
	for _, r := range b.rows {
		r.state.Target.Fence.Epoch = s.epoch
		r.state.Target.Owner, r.state.Target.OwnedTil = "", w.began
		s.rows = append(s.rows, &r)
	}
	s.deployments, s.releases = slices.Clone(b.deployments), maps.Clone(b.releases)
	for service, all := range s.releases {
		s.releases[service] = slices.Clip(all)
	}
	s.order = b.order.clone()
	w.routes, w.targets = maps.Clone(b.routes), slices.Clone(b.targets)
	for _, server := range w.servers {
		server.boot()
	}
	w.truth.forgive(s.deployments)
}

// move goes on in another place, where nothing runs: what ran is gone, its calls
// lead nowhere, and routers begin with nothing and count again once they have
// reported.
func (w *World) move() {
	w.place++
	w.fault("moved")
	w.tell("     to another place, where nothing runs")
	instances := w.driver.count
	w.late, w.driver = nil, newDriver(w)
	w.driver.count = instances // no name is given twice
	for i, r := range w.routers {
		w.routers[i] = newRouter(w, string(r.id))
		w.routers[i].remember(r)
	}
	for _, server := range w.servers {
		server.boot()
	}
}
