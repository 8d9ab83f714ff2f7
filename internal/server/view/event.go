package view

import (
	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// Event shows an event.
func Event(e slipway.Event) api.Event {
	return api.Event{
		Seq: e.Seq, At: e.At.UTC(), Kind: string(e.Kind), Actor: Actor(e.Actor),
		Repository: string(e.Repository), Build: e.Build, Job: string(e.Job),
		Service: string(e.Target.Service), Environment: string(e.Target.Environment),
		Deployment: int64(e.Deployment), Text: e.Text,
	}
}

// User shows a user.
func User(u slipway.User) api.User {
	return api.User{Name: u.Name, Role: string(u.Role), Environments: names(u.Environments)}
}

// Agent shows an agent.
func Agent(a slipway.Agent) api.Agent {
	return api.Agent{ID: string(a.ID), Name: a.Name, Queue: string(a.Queue), Tests: a.OnlyTests(), State: string(a.State), LastSeen: a.LastSeen.UTC()}
}

// Whoami shows a caller to themselves.
func Whoami(p slipway.Principal, build, version string) api.Whoami {
	return api.Whoami{Actor: Actor(p.Actor), Role: string(p.Role), Environments: names(p.Environments), Build: build, Version: version}
}
