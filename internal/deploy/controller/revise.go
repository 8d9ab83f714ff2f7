package controller

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway"
)

// revise makes the revision of a release for an environment.
func (c *Controller) revise(ctx context.Context, rel slipway.Release, in slipway.Environment) (goal, error) {
	if err := rel.CheckImage(); err != nil {
		return goal{}, err
	}
	env, place := in.Name, rel.Manifest.In(in)
	run := rel.Manifest.Run
	run.Env = map[string]string{}
	maps.Copy(run.Env, rel.Manifest.Run.Env)
	for _, need := range rel.Manifest.Needs {
		url, err := c.address(ctx, slipway.TargetID{Service: need.Service, Environment: env})
		if err != nil {
			return goal{}, err
		}
		run.Env[variable(need.Service)] = url
	}
	maps.Copy(run.Env, place.Env) // an environment may point a need elsewhere
	r := slipway.Revision{
		ID:        newRevisionID(),
		Target:    slipway.TargetID{Service: rel.Service, Environment: env},
		Release:   rel.Number,
		Image:     rel.Image,
		Kind:      rel.Manifest.Kind,
		Run:       run,
		Health:    rel.Manifest.Health,
		Rollout:   place.Rollout,
		CreatedAt: c.now(),
	}
	err := c.settle(ctx, &r)
	return goal{want: place.Replicas, written: place.Replicas, gates: c.gates(rel.Manifest.Needs, false), revision: r}, err
}

// again is exactly what a deployment ran, but for retired secrets, at the scale
// that the target has now.
func (c *Controller) again(ctx context.Context, d slipway.Deployment) (goal, error) {
	r, err := c.Store.Revision(ctx, d.Revision)
	if err != nil {
		return goal{}, err
	}
	t, err := c.Store.Target(ctx, d.Target)
	if err != nil {
		return goal{}, err
	}
	want := t.Want
	if t.Stable == "" {
		want = d.Want
	}
	r, why, err := c.replaceRetired(ctx, r)
	return goal{revision: r, want: want, gates: c.gates(nil, true), why: why}, err
}

// address is where a needed service is reached. Its target is made if need be,
// so that its port is known before it runs.
func (c *Controller) address(ctx context.Context, need slipway.TargetID) (string, error) {
	t, err := c.Store.EnsureTarget(ctx, slipway.Target{ID: need, Kind: slipway.Web}, c.port)
	if slipway.CodeOf(err) == slipway.Conflict {
		return "", slipway.Errorf(slipway.Invalid, "needs: %s is not a web service and has no address", need.Service)
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("http://127.0.0.1:%d", t.Port), nil
}

// variable names the variable that holds a service's address:
// USERS_BACKEND_URL.
func variable(s slipway.ServiceName) string {
	return strings.ToUpper(strings.ReplaceAll(string(s), "-", "_")) + "_URL"
}

// Route ports are given from DefaultFirstPort up.
const (
	DefaultFirstPort = 7100
	maxRoutes        = 20000 // below the ports that kernels give to clients
)

// port picks the route port of a new target.
func (c *Controller) port(taken []int) (int, error) {
	first := cmp.Or(c.FirstPort, DefaultFirstPort)
	last := min(first+maxRoutes, 1<<16) - 1
	for p := first; p <= last; p++ {
		if !slices.Contains(taken, p) && c.PortFree(p) {
			return p, nil
		}
	}
	return 0, slipway.Errorf(slipway.TooLarge, "all ports from %d to %d are taken", first, last)
}

func newRevisionID() slipway.RevisionID {
	return slipway.RevisionID("r-" + strings.ToLower(rand.Text()[:16]))
}
