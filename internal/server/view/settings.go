package view

import (
	"slices"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// Settings shows a version of a configuration, given what serves.
func Settings(c slipway.Config, live slipway.Revision) api.Settings {
	shown := api.Settings{
		Service: string(c.Target.Service), Environment: string(c.Target.Environment), Version: c.Version, Values: c.Values,
		At: moment(c.At), Live: c.Version > 0 && live.Config == c.Version,
	}
	if shown.Values == nil {
		shown.Values = map[string]string{}
	}
	if c.Version > 0 {
		shown.Actor = new(Actor(c.Actor))
	}
	return shown
}

// Secret shows what there is to see of a secret, given what serves.
func Secret(s slipway.Secret, newest bool, live slipway.Revision) api.Secret {
	return api.Secret{
		Service: string(s.Target.Service), Environment: string(s.Target.Environment), Name: s.Name, Version: s.Version,
		Actor: Actor(s.Actor), At: s.At.UTC(), Newest: newest, RetiredAt: moment(s.Retired),
		Live: slices.Contains(live.Secrets, slipway.SecretVersion{Name: s.Name, Version: s.Version}),
	}
}
