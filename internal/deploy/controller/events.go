package controller

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
)

// planned tells of a decision in the transaction that commits it: that a
// deployment changed its phase, what is about to be done for it, or, at rest,
// what is done to the target.
func planned(s slipway.State, d slipway.Decision, now time.Time) []slipway.Event {
	dep := d.Next.Deployment
	e := slipway.Event{At: now, Actor: slipway.System, Target: s.Target.ID}
	if dep != nil {
		e.Deployment, e.Build = dep.ID, dep.Build
	}
	var events []slipway.Event
	add := func(kind slipway.EventKind, text string) {
		e := e
		e.Kind, e.Text = kind, text
		events = append(events, e)
	}
	changed := dep != nil && dep.Phase != s.Deployment.Phase
	switch {
	case changed:
		add(slipway.DeploymentChanged, fmt.Sprintf("deployment %d of %s is %s%s", dep.ID, s.Target.ID, words(dep.Phase), lead(": ", said(d.Why))))
	case dep != nil && len(d.Why) > 0 && len(d.Actions) == 0:
		add(slipway.DeploymentChanged, said(d.Why))
	}
	switch {
	case moving(dep) || changed:
		if len(d.Actions) > 0 {
			add(slipway.DeploymentPlanned, describe(d.Actions))
		}
	case s.Target.Removing && !d.Next.Target.Removing:
		e.Deployment, e.Build = 0, ""
		add(slipway.TargetChanged, said(d.Why))
	case d.Next.Target.Ailing != s.Target.Ailing:
		e.Deployment, e.Build = 0, ""
		add(slipway.TargetAiling, said(d.Why))
	case len(d.Actions) > 0:
		e.Deployment, e.Build = 0, ""
		add(slipway.TargetChanged, strings.TrimPrefix(said(d.Why)+" · "+describe(d.Actions), " · "))
	}
	return events
}

// tell records that the acts of a commit were carried out, once.
func (c *Controller) tell(ctx context.Context, m *mind, fence slipway.Fence, d slipway.Decision) error {
	dep := d.Next.Deployment
	if len(d.Actions) == 0 || m.acted == fence || dep == nil || dep.Phase == slipway.Pending {
		return nil
	}
	m.acted = fence
	return c.Store.AppendEvents(ctx, slipway.Event{
		At: c.now(), Kind: slipway.DeploymentActed, Actor: slipway.System,
		Target: d.Next.Target.ID, Deployment: dep.ID, Build: dep.Build,
		Text: describe(d.Actions),
	})
}

// describe names actions for people: g77 with 2 instances, route 1.42 (@13 67 %, @14 33 %).
func describe(actions []slipway.Action) string {
	var parts []string
	for _, a := range actions {
		switch a.Kind {
		case slipway.ApplyGroup:
			parts = append(parts, fmt.Sprintf("%s with %d of @%d", a.Group.ID, a.Group.Replicas, a.Group.Revision.Release))
		case slipway.ApplyRoute:
			parts = append(parts, "route "+a.Route.Fence.String()+split(a.Route.Shares))
		case slipway.StopInstance, slipway.ForgetInstance:
			parts = append(parts, fmt.Sprintf("%s %s", a.Kind, a.Instance))
		case slipway.RunTask:
			parts = append(parts, "run "+a.Task.Command)
		case slipway.CancelTask:
			parts = append(parts, "cancel "+string(a.Task.ID))
		}
	}
	return strings.Join(parts, " · ")
}

func split(shares []slipway.Share) string {
	if len(shares) == 0 {
		return " (nobody)"
	}
	var parts []string
	for _, s := range shares {
		parts = append(parts, fmt.Sprintf("@%d %d %%", s.Release, (s.Weight+50)/100))
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

func said(whys []slipway.Why) string {
	var parts []string
	for _, w := range whys {
		parts = append(parts, w.Text)
	}
	return strings.Join(parts, " · ")
}

// lead puts a separator before what is there.
func lead(separator, s string) string {
	if s == "" {
		return ""
	}
	return separator + s
}

func words(p slipway.Phase) string { return strings.ReplaceAll(string(p), "_", " ") }
