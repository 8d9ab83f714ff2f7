package controller

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway"
)

// Settings are what environments set for services, over what manifests say.
type Settings interface {
	// Config is one version of a target's configuration; 0 is the newest, which
	// has version 0 itself when nothing was ever set.
	Config(ctx context.Context, t slipway.TargetID, version int) (slipway.Config, error)
	// Secrets lists every version of a target's secrets.
	Secrets(ctx context.Context, t slipway.TargetID) ([]slipway.Secret, error)
	// Opens reports an error when a secret cannot be given to instances: its key
	// is not here.
	Opens(s slipway.Secret) error
}

// settle adds to a revision what its environment sets now: variables over those
// of the manifest, and the newest version of each secret that it wants. Invalid
// names every secret that is not set.
func (c *Controller) settle(ctx context.Context, r *slipway.Revision) error {
	if c.Settings == nil {
		return lacking(*r, nil)
	}
	config, err := c.Settings.Config(ctx, r.Target, 0)
	if err != nil {
		return err
	}
	r.Config = config.Version
	maps.Copy(r.Run.Env, config.Values)
	if len(r.Run.Secrets) == 0 {
		return nil
	}
	all, err := c.Settings.Secrets(ctx, r.Target)
	if err != nil {
		return err
	}
	newest := newestOf(all)
	if err := lacking(*r, newest); err != nil {
		return err
	}
	for _, use := range r.Run.Secrets {
		s := newest[use.Name]
		if err := c.Settings.Opens(s); err != nil {
			return err
		}
		r.Secrets = append(r.Secrets, slipway.SecretVersion{Name: s.Name, Version: s.Version})
		delete(r.Run.Env, use.Name) // the secret is the only one of that name
	}
	slices.SortFunc(r.Secrets, func(a, b slipway.SecretVersion) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

func newestOf(all []slipway.Secret) map[string]slipway.Secret {
	newest := map[string]slipway.Secret{}
	for _, s := range all {
		if s.Version > newest[s.Name].Version && s.Retired.IsZero() {
			newest[s.Name] = s
		}
	}
	return newest
}

// lacking refuses a revision that wants secrets which are not there.
func lacking(r slipway.Revision, there map[string]slipway.Secret) error {
	var names, commands []string
	for _, use := range r.Run.Secrets {
		if _, ok := there[use.Name]; ok {
			continue
		}
		names = append(names, use.Name)
		commands = append(commands, fmt.Sprintf("slipway secret set %s %s %s", r.Target.Service, r.Target.Environment, use.Name))
	}
	switch len(names) {
	case 0:
		return nil
	case 1:
		return slipway.Errorf(slipway.Invalid, "%s wants the secret %s, which is not set in %s",
			slipway.ReleaseName(r.Target.Service, r.Release), names[0], r.Target.Environment).Do("Set it: %s", commands[0])
	}
	return slipway.Errorf(slipway.Invalid, "%s wants the secrets %s, which are not set in %s",
		slipway.ReleaseName(r.Target.Service, r.Release), strings.Join(names, ", "), r.Target.Environment).Do("Set them: %s", strings.Join(commands, "; "))
}

// replaceRetired makes another revision of one that has secret versions which
// were retired since: the newest stand in. It says so; any other revision stays
// what it is.
func (c *Controller) replaceRetired(ctx context.Context, r slipway.Revision) (slipway.Revision, []slipway.Why, error) {
	if len(r.Secrets) == 0 || c.Settings == nil {
		return r, nil, nil
	}
	all, err := c.Settings.Secrets(ctx, r.Target)
	if err != nil {
		return r, nil, err
	}
	newest := newestOf(all)
	versions := slices.Clone(r.Secrets)
	var said []string
	for i, v := range versions {
		if !isRetired(all, v) {
			continue
		}
		versions[i].Version = newest[v.Name].Version
		said = append(said, fmt.Sprintf("%s@%d is retired: %s@%d stands in", v.Name, v.Version, v.Name, versions[i].Version))
	}
	if said == nil {
		return r, nil, nil
	}
	r.ID, r.CreatedAt, r.Deployment, r.Secrets = newRevisionID(), c.now(), 0, versions
	return r, []slipway.Why{{At: c.now(), Text: strings.Join(said, " · ")}}, nil
}

func isRetired(all []slipway.Secret, v slipway.SecretVersion) bool {
	i := slices.IndexFunc(all, func(s slipway.Secret) bool { return s.Name == v.Name && s.Version == v.Version })
	return i < 0 || !all[i].Retired.IsZero()
}
