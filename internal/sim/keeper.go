package sim

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/controller"
)

// order is what people have declared, locked and agreed to. It is in the
// database, as everything.
type order struct {
	declared  slipway.Environments
	locks     []slipway.Lock
	approvals []slipway.Approval
}

func (o order) clone() order {
	return order{slices.Clone(o.declared), slices.Clone(o.locks), slices.Clone(o.approvals)}
}

// keeperDoor is how a server asks the gates before a start. It may be away, and
// lost, as the store.
type keeperDoor struct{ s *server }

// Environments is what a server asks first: by its clock then it judges.
func (d keeperDoor) Environments(context.Context) (all slipway.Environments, err error) {
	err = d.s.ask("environments", func() error {
		all = d.s.w.store.order.declared
		return nil
	})
	d.s.judgedAt = d.s.Now()
	return all, err
}

func (d keeperDoor) Locks(context.Context) (held []slipway.Lock, err error) {
	err = d.s.ask("locks", func() error {
		held = d.s.w.store.held()
		return nil
	})
	return held, err
}

func (d keeperDoor) Approvals(_ context.Context, id slipway.DeploymentID) (given []slipway.Approval, err error) {
	err = d.s.ask("approvals", func() error {
		given = d.s.w.store.given(id)
		return nil
	})
	return given, err
}

// Build is asked for when a release came of one; none does here.
func (d keeperDoor) Build(context.Context, slipway.BuildID) (slipway.Build, error) {
	return slipway.Build{}, slipway.Errorf(slipway.NotFound, "there are no builds")
}

// held are the locks that hold, by the clock of the database.
func (s *store) held() []slipway.Lock {
	return slices.DeleteFunc(slices.Clone(s.order.locks), func(l slipway.Lock) bool { return !s.w.now.Before(l.Until) })
}

func (s *store) given(id slipway.DeploymentID) []slipway.Approval {
	return slices.DeleteFunc(slices.Clone(s.order.approvals), func(a slipway.Approval) bool { return a.Deployment != id })
}

// lock keeps a lock, and has whoever plans for what it covers look again.
func (s *store) lock(l slipway.Lock) {
	s.order.locks = append(s.held(), l)
	s.outdate(func(t slipway.TargetID) bool { return l.Covers(t) })
}

func (s *store) declare(all slipway.Environments) {
	s.order.declared = all
	s.outdate(func(slipway.TargetID) bool { return true })
}

// outdate makes what was planned for some targets out of date.
func (s *store) outdate(which func(slipway.TargetID) bool) {
	for _, r := range s.rows {
		if t := &r.state.Target; which(t.ID) && !s.w.options.Lax {
			t.Fence = t.Fence.Next()
			s.w.truth.remember(r.state)
		}
	}
}

// govern is a person who locks, unlocks, declares or agrees.
func (w *World) govern() {
	switch w.rng.IntN(8) {
	case 0:
		w.lock()
	case 1:
		if held := w.store.held(); len(held) > 0 {
			w.store.order.locks = held[1:]
			w.saw("asked", "unlock")
			w.tell("mei  unlocks %s", held[0].Place())
		}
	case 2:
		w.declare()
	default:
		w.approve()
	}
}

func (w *World) lock() {
	l := slipway.Lock{Target: slipway.TargetID{Environment: environment}, Why: "a migration", Actor: mei, At: w.now, Until: w.now.Add(w.between(time.Second, 20*time.Second))}
	if w.chance(2) {
		l.Target.Service = webService
	}
	w.store.lock(l)
	w.saw("asked", "lock")
	w.tell("mei  locks %s until %s", l.Place(), l.Until.Sub(w.began).Truncate(time.Millisecond))
}

// declare changes the rules of the environment.
func (w *World) declare() {
	e := slipway.Environment{Name: environment, Driver: "process", Queue: "test"}
	if w.chance(3) {
		e.Approvals = slipway.Approvals{Count: 1, Role: slipway.Deployer, NotAuthor: w.chance(2)}
	}
	if w.chance(2) {
		from := w.now.Add(w.between(-20*time.Second, 20*time.Second))
		e.Freezes = []slipway.Freeze{{Why: "a holiday", Zone: "UTC", From: from, Until: from.Add(w.between(time.Second, 30*time.Second))}}
	}
	w.store.declare(slipway.Environments{e})
	w.saw("asked", "declare")
	w.tell("mei  declares %d approvals, %d freezes", e.Approvals.Count, len(e.Freezes))
}

var (
	jon = slipway.Actor{Kind: slipway.ActorUser, Name: "jon"}
	vic = slipway.Actor{Kind: slipway.ActorUser, Name: "vic"}
)

// approve is somebody who agrees to what waits; not everybody's word counts.
func (w *World) approve() {
	for _, d := range w.store.deployments {
		if d.Phase != slipway.Pending || !slices.Contains(d.Gates, controller.GateApproval) {
			continue
		}
		a := slipway.Approval{Deployment: d.ID, Digest: w.store.revisions[d.Revision].Image, Actor: jon, Role: slipway.Deployer, At: w.now}
		switch w.rng.IntN(6) {
		case 0:
			a.Actor, a.Role = mei, slipway.Admin // who asked for it
		case 1:
			a.Actor, a.Role = vic, slipway.Viewer
		case 2:
			a.Digest = "sha256:another"
		}
		w.store.order.approvals = append(w.store.order.approvals, a)
		w.saw("asked", "agree")
		w.tell("%s  agrees to deployment %d", a.Actor.Name, d.ID)
	}
}

// checkGates: nothing starts while it is locked, frozen or not agreed to, but
// for what may go over that.
func (s *server) checkGates(d *slipway.Deployment) {
	o := s.w.store.order
	served := s.w.store.revisions[d.Revision].Deployment != d.ID
	returns := d.Kind == slipway.KindRollback && served
	for _, l := range s.w.store.held() {
		if l.Covers(d.Target) && (d.Kind != slipway.KindRollback || d.Override == "") {
			s.w.violate("deployment %d starts, and %s is locked", d.ID, l.Place())
		}
	}
	if text, _, err := controller.Frozen(o.declared[0], s.judgedAt); err != nil || text != "" && !returns && d.Override == "" {
		s.w.violate("deployment %d starts: %s, %v", d.ID, text, err)
	}
	if rule := o.declared[0].Approvals; rule.Count > 0 && !served && !s.agreed(d, rule) {
		s.w.violate("deployment %d starts, and nobody has agreed to it", d.ID)
	}
	if d.Override != "" {
		s.w.saw("state", "overridden")
	}
}

func (s *server) agreed(d *slipway.Deployment, rule slipway.Approvals) bool {
	return slices.ContainsFunc(s.w.store.given(d.ID), func(a slipway.Approval) bool {
		return a.Actor != vic && (a.Actor != mei || !rule.NotAuthor) && a.Digest == s.w.store.revisions[d.Revision].Image
	})
}

func image(s slipway.ServiceName, number int) slipway.Digest {
	return slipway.Digest(fmt.Sprintf("sha256:%s-%d", s, number))
}
