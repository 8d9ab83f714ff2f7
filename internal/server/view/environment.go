package view

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// Environments shows what is declared, with what is locked and frozen now.
func (v *Viewer) Environments(ctx context.Context, d slipway.Declared) (api.Environments, error) {
	locks, err := v.Store.Locks(ctx)
	if err != nil {
		return api.Environments{}, err
	}
	agents, err := v.Store.Agents(ctx)
	if err != nil {
		return api.Environments{}, err
	}
	shown := api.Environments{
		Version: d.Version, Source: d.Source, Commit: string(d.Commit), Actor: Actor(d.Actor), At: moment(d.At),
		Environments: []api.Environment{},
	}
	for _, e := range d.Environments {
		one := api.Environment{Name: string(e.Name), Previous: string(e.Previous), Queue: string(e.Queue), Facts: []api.Fact{}}
		for _, f := range e.Facts() {
			one.Facts = append(one.Facts, api.Fact(f))
		}
		for _, l := range locks {
			if l.Target.Environment == e.Name {
				one.Locks = append(one.Locks, Lock(l))
			}
		}
		if v.Frozen != nil {
			one.Frozen = v.Frozen(e, time.Now())
		}
		attend(&one, d.Environments, agents)
		shown.Environments = append(shown.Environments, one)
	}
	if d.Drift != nil {
		shown.Drift = &api.Drift{Commit: string(d.Drift.Commit), Problem: d.Drift.Problem, Changes: Changes(d.Drift.Changes)}
	}
	return shown, nil
}

// attend counts the agents of an environment's queue. Without any, what is
// pushed and what is tested waits for ever, and somebody has to start one: beside
// the others on one machine, or alone.
func attend(e *api.Environment, all slipway.Environments, agents []slipway.Agent) {
	for _, a := range agents {
		if string(a.Queue) == e.Queue && a.State == slipway.AgentConnected && !a.OnlyTests() {
			e.Agents++
		}
	}
	if e.Agents > 0 || e.Queue == "" {
		return
	}
	var flags []string
	for _, other := range all {
		if flag := "--queue " + string(other.Queue); other.Queue != "" && !slices.Contains(flags, flag) {
			flags = append(flags, flag)
		}
	}
	e.Idle = fmt.Sprintf("no agent of queue %s is connected: its jobs wait", e.Queue)
	e.Start = fmt.Sprintf("slipway up %s, or alone: slipway agent --queue %s", strings.Join(flags, " "), e.Queue)
}

// Changes shows what becomes of environments.
func Changes(all []slipway.EnvironmentChange) []api.EnvironmentChange {
	shown := make([]api.EnvironmentChange, 0, len(all))
	for _, c := range all {
		shown = append(shown, api.EnvironmentChange{Environment: string(c.Environment), Kind: string(c.Kind), Differences: differences(c.Differences)})
	}
	return shown
}

func differences(all []slipway.Difference) []api.Difference {
	shown := make([]api.Difference, 0, len(all))
	for _, d := range all {
		shown = append(shown, api.Difference(d))
	}
	return shown
}

// Declaration shows one version of the environments.
func Declaration(d slipway.Declaration) api.Declaration {
	return api.Declaration{Version: d.Version, Commit: string(d.Commit), Actor: Actor(d.Actor), At: d.At.UTC(), Source: d.Source}
}

// Lock shows a lock.
func Lock(l slipway.Lock) api.Lock {
	return api.Lock{
		Environment: string(l.Target.Environment), Service: string(l.Target.Service), Why: l.Why,
		Actor: Actor(l.Actor), At: l.At.UTC(), Until: l.Until.UTC(),
	}
}

// covering is the lock that keeps deployments of a target from starting the
// longest, or nil.
func covering(all []slipway.Lock, t slipway.TargetID) *api.Lock {
	if l := slipway.Covering(all, t); l != nil {
		return new(Lock(*l))
	}
	return nil
}
