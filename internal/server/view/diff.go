package view

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// Diff tells where two environments differ: in what is declared of them, and
// service by service in what serves. It returns NotFound for an environment that
// is not declared.
func (v *Viewer) Diff(ctx context.Context, from, to slipway.EnvironmentName) (api.EnvironmentDiff, error) {
	shown := api.EnvironmentDiff{From: string(from), To: string(to), Services: []api.ServiceDiff{}}
	all, err := v.Store.Environments(ctx)
	if err != nil {
		return shown, err
	}
	a, err := all.Find(from)
	if err != nil {
		return shown, err
	}
	b, err := all.Find(to)
	if err != nil {
		return shown, err
	}
	shown.Differences = differences(slipway.Compare(a.Facts(), b.Facts()))
	services, err := v.Store.Services(ctx)
	if err != nil {
		return shown, err
	}
	for _, s := range services {
		left, err := v.serves(ctx, slipway.TargetID{Service: s.Name, Environment: from})
		if err != nil {
			return shown, err
		}
		right, err := v.serves(ctx, slipway.TargetID{Service: s.Name, Environment: to})
		if err != nil {
			return shown, err
		}
		if left != nil || right != nil {
			shown.Services = append(shown.Services, api.ServiceDiff{Service: string(s.Name), Differences: differences(slipway.Compare(left, right))})
		}
	}
	return shown, nil
}

// serves tells what of a target serves, in facts; nothing when nothing does.
// Values of secrets are not known here: a revision has their versions only.
func (v *Viewer) serves(ctx context.Context, id slipway.TargetID) ([]slipway.Fact, error) {
	t, err := v.Store.Target(ctx, id)
	if slipway.CodeOf(err) == slipway.NotFound || err == nil && t.Stable == "" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	d, err := v.Store.Deployment(ctx, t.Stable.Deployment())
	if err != nil {
		return nil, err
	}
	r, err := v.Store.Revision(ctx, d.Revision)
	if err != nil {
		return nil, err
	}
	rel, err := v.Store.Release(ctx, id.Service, r.Release)
	if err != nil {
		return nil, err
	}
	all := []slipway.Fact{{Name: "release", Value: "@" + strconv.Itoa(r.Release)}}
	place := slipway.Placement{Replicas: t.Want, Rollout: r.Rollout, Env: r.Run.Env}
	for _, f := range place.Facts() {
		if !addressed(f.Name, rel.Manifest.Needs) {
			all = append(all, f)
		}
	}
	if r.Config > 0 {
		all = append(all, slipway.Fact{Name: "config", Value: "version " + strconv.Itoa(r.Config)})
	}
	for _, s := range r.Secrets {
		all = append(all, slipway.Fact{Name: "secret " + s.Name, Value: "version " + strconv.Itoa(s.Version)})
	}
	return all, nil
}

// addressed reports whether a fact is the address of a needed service, which
// differs between any two environments.
func addressed(fact string, needs []slipway.Need) bool {
	return slices.ContainsFunc(needs, func(n slipway.Need) bool {
		return fact == "env "+strings.ToUpper(strings.ReplaceAll(string(n.Service), "-", "_"))+"_URL"
	})
}
