package controller

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

// Gates before the start, in the order in which people are told of them.
const (
	GateLock     slipway.GateID = "lock"     // nobody has locked the target, or its environment
	GateFreeze   slipway.GateID = "freeze"   // the environment is not frozen now
	GateApproval slipway.GateID = "approval" // those who have to agree have agreed, to this image
	GateNeeds    slipway.GateID = "needs"    // the services that it needs are live there, in the release that it needs or a later one
)

// Gatekeeper knows what people have declared, locked and agreed to.
// *store.Store is one.
type Gatekeeper interface {
	Environments(ctx context.Context) (slipway.Environments, error)
	Locks(ctx context.Context) ([]slipway.Lock, error)
	Approvals(ctx context.Context, d slipway.DeploymentID) ([]slipway.Approval, error)
	Build(ctx context.Context, b slipway.BuildID) (slipway.Build, error)
}

// environments are those that are declared; the builtin ones where nobody can.
func (c *Controller) environments(ctx context.Context) (slipway.Environments, error) {
	if c.Gatekeeper == nil {
		return slipway.BuiltinEnvironments, nil
	}
	return c.Gatekeeper.Environments(ctx)
}

// gates are those that a deployment has to pass before it starts. Whether they
// hold it is asked while it waits, as things are then. What has served before
// was agreed to before, and found what it needs.
func (c *Controller) gates(needs []slipway.Need, served bool) []slipway.GateID {
	var gates []slipway.GateID
	if c.Gatekeeper != nil {
		gates = append(gates, GateLock, GateFreeze)
		if !served {
			gates = append(gates, GateApproval)
		}
	}
	if !served && len(demanding(needs)) > 0 {
		gates = append(gates, GateNeeds)
	}
	return gates
}

// hearing is what the gates of a pending deployment said.
type hearing struct {
	verdicts map[slipway.GateID]slipway.Verdict
	awaits   []slipway.TargetID // whose move is a reason to ask again
	again    time.Time          // when to ask again at the latest; zero: when there is a hint
}

// plea is what gates look at.
type plea struct {
	*slipway.Deployment
	revision slipway.Revision
	env      slipway.Environment // as it is declared now
	gone     error               // why env is not: it was removed meanwhile
	now      time.Time
}

// returns reports whether p goes back to what has served before: its revision
// was made by another deployment.
func (p plea) returns() bool {
	return p.Kind == slipway.KindRollback && p.revision.Deployment != p.ID
}

// judge asks the gates of a pending deployment. One that is not known says
// nothing, which is never a pass.
func (c *Controller) judge(ctx context.Context, d *slipway.Deployment, r slipway.Revision) (hearing, error) {
	h := hearing{verdicts: map[slipway.GateID]slipway.Verdict{}}
	if len(d.Gates) == 0 {
		return h, nil
	}
	all, err := c.environments(ctx)
	if err != nil {
		return hearing{}, err
	}
	p := plea{Deployment: d, revision: r, now: c.now()}
	p.env, p.gone = all.Find(d.Target.Environment)
	for _, gate := range d.Gates {
		var v slipway.Verdict
		var err error
		switch gate {
		case GateLock:
			v, err = c.judgeLock(ctx, p, &h)
		case GateFreeze:
			v, err = p.judgeFreeze(&h)
		case GateApproval:
			v, err = c.judgeApproval(ctx, p)
		case GateNeeds:
			v, err = c.judgeNeeds(ctx, p, &h)
		default:
			continue
		}
		if err != nil {
			return hearing{}, err
		}
		h.verdicts[gate] = v
	}
	return h, nil
}

// heldBack reports whether a gate keeps d from starting: what serves is clear
// then, and d gives way to what is asked for after it.
func heldBack(d slipway.Deployment) bool {
	return d.Phase == slipway.Pending && slices.ContainsFunc(d.Verdicts, func(v slipway.GateVerdict) bool { return v.State == slipway.GateWait })
}

// wakeAt asks again at t, if not before.
func (h *hearing) wakeAt(t time.Time) { h.again = earlier(h.again, t) }

// earlier is the first of two moments; zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func passes(why string) slipway.Verdict { return slipway.Verdict{State: slipway.GatePass, Why: why} }
func waits(why string) slipway.Verdict  { return slipway.Verdict{State: slipway.GateWait, Why: why} }

// asked tells that d was asked for, and over which gates.
func asked(d slipway.Deployment, words string) []slipway.Event {
	e := slipway.Event{
		At: d.CreatedAt, Kind: slipway.DeploymentAsked, Actor: d.Actor, Target: d.Target, Build: d.Build,
		Text: fmt.Sprintf("%s asked to %s", d.Actor.Person(), words),
	}
	if d.Override == "" {
		return []slipway.Event{e}
	}
	over := e
	over.Kind = slipway.DeploymentOverridden
	over.Text = overriding(d.Actor, d.Override)
	return []slipway.Event{e, over}
}

// overrides begins the story of a deployment that goes over gates.
func overrides(r Request, now time.Time) []slipway.Why {
	if r.Override == "" {
		return nil
	}
	return []slipway.Why{{At: now, Text: overriding(r.Actor, r.Override)}}
}

func overriding(by slipway.Actor, why string) string {
	return fmt.Sprintf("%s overrides the gates that may be overridden: %s", by.Person(), why)
}
