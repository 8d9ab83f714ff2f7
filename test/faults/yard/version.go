package yard

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/slipway-cd/slipway/api"
)

// Version is a service as one of its releases is.
type Version struct {
	Service  string
	Rollout  string            // of the environment test, in words of slipway.yaml: strategy: rolling, …
	Prod     bool              // it runs in the environment prod too, in the same way
	Replicas int               // 0: 3
	Drain    time.Duration     // 0: 3 s
	Deadline time.Duration     // 0: 20 s
	Live     string            // the liveness probe, in words of slipway.yaml; "": none
	Env      map[string]string // what the gauge is told
	Needs    []string          // services
	Protocol string            // that its instances are spoken to: http1, h2c; "": http1
	Worker   bool              // it takes messages and no requests
}

func (v Version) manifest(ledger string) string {
	v.Replicas, v.Drain, v.Deadline = or(v.Replicas, 3), or(v.Drain, 3*time.Second), or(v.Deadline, 20*time.Second)
	v.Rollout = or(v.Rollout, "strategy: rolling")
	env := map[string]string{"GAUGE_LEDGER": ledger}
	maps.Copy(env, v.Env)
	var words []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		words = append(words, fmt.Sprintf("%s: %q", name, env[name]))
	}
	var needs []string
	for _, n := range v.Needs {
		needs = append(needs, n+`: ">= 1"`)
	}
	place := fmt.Sprintf("{ replicas: %d, %s }", v.Replicas, v.Rollout)
	places := "test: " + place
	if v.Prod {
		places += ", prod: " + place
	}
	live := ""
	if v.Live != "" {
		live = "\n  live: " + v.Live
	}
	kind, run, ready := "web", "port: 8000, protocol: "+or(v.Protocol, "http1"), "http: /readyz"
	if v.Worker {
		kind, run, ready = "worker", "passive: true", "exec: [/gauge, ready]"
	}
	return fmt.Sprintf(`service: %s
kind: %s
image: { static: { files: [{ from: gauge, to: /gauge }, { from: version, to: /version }], entrypoint: [/gauge] } }
run: { %s, drain: %s, stop_grace: 2s, env: { %s } }
health:
  ready: { %s }%s
  deadline: %s
needs: { %s }
environments: { %s }
`, v.Service, kind, run, v.Drain, strings.Join(words, ", "), ready, live, v.Deadline, strings.Join(needs, ", "), places)
}

func or[T comparable](v, other T) T {
	var zero T
	if v == zero {
		return other
	}
	return v
}

// Publish pushes a repository whose one build publishes every version, in their
// order: the first of a service is its release 1. It can be called once.
func (y *Yard) Publish(ctx context.Context, versions ...Version) error {
	dir := filepath.Join(y.dir, "fleet")
	var publish strings.Builder
	for n, v := range versions {
		part := fmt.Sprintf("v%03d", n)
		if err := os.MkdirAll(filepath.Join(dir, part), 0o700); err != nil {
			return err
		}
		for name, text := range map[string]string{"slipway.yaml": v.manifest(y.Ledger), "version": part + "\n"} {
			if err := os.WriteFile(filepath.Join(dir, part, name), []byte(text), 0o600); err != nil {
				return err
			}
		}
		_, _ = fmt.Fprintf(&publish, "      - cp \"$$(command -v gauge)\" %s/gauge && cd %s && slipway image publish && cd ..\n", part, part)
	}
	pipeline := "steps:\n  - label: images\n    commands:\n" + publish.String() + "    agents: { queue: test }\n"
	if err := os.MkdirAll(filepath.Join(dir, ".buildkite"), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, ".buildkite", "pipeline.yml"), []byte(pipeline), 0o600); err != nil {
		return err
	}
	for _, command := range [][]string{
		{"git", "init", "-q"}, {"git", "add", "--all"}, {"git", "commit", "-qm", "Begin"},
		{y.Slipway, "remote", "add", "fleet"}, {"git", "push", "slipway", "master"},
	} {
		if _, err := y.Do(ctx, dir, command[0], command[1:]...); err != nil {
			return err
		}
	}
	return y.published(ctx, versions)
}

func (y *Yard) published(ctx context.Context, versions []Version) error {
	want := map[string]int{}
	for _, v := range versions {
		want[v.Service]++
	}
	for service, n := range want {
		all, err := y.Client.Releases(ctx, service, 500)
		if err != nil {
			return err
		}
		if len(all) != n {
			log, _ := y.Do(ctx, filepath.Join(y.dir, "fleet"), y.Slipway, "build", "fleet/1", "--log", "images")
			return fmt.Errorf("%d of %d versions of %s were published:\n%s", len(all), n, service, log)
		}
	}
	return nil
}

// Deploy asks for a release of a service in the environment test.
func (y *Yard) Deploy(ctx context.Context, service string, release int) (api.Deployment, error) {
	return y.DeployTo(ctx, "test", service, release)
}

// DeployTo asks for a release of a service in an environment.
func (y *Yard) DeployTo(ctx context.Context, environment, service string, release int) (api.Deployment, error) {
	return y.Client.Deploy(ctx, api.CreateDeployment{Service: service, Environment: environment, Kind: "deploy", Release: release, Older: true})
}

// Await waits for a deployment's end, servers that come and go notwithstanding.
func (y *Yard) Await(ctx context.Context, id int64) (api.Deployment, error) {
	return y.Until(ctx, id, func(d api.Deployment) bool { return d.Ended })
}

// Until waits until a deployment is as wanted.
func (y *Yard) Until(ctx context.Context, id int64, wanted func(api.Deployment) bool) (api.Deployment, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		d, err := y.Client.Deployment(ctx, id)
		if err == nil && wanted(d) {
			return d, nil
		}
		select {
		case <-ctx.Done():
			return d, fmt.Errorf("deployment %d is %s, at stage %d: %v %w", id, d.Phase, d.At, d.Why, errors.Join(err, ctx.Err()))
		case <-time.After(50 * time.Millisecond): // each look is work for the server, too
		}
	}
}

// URL is where a service answers.
func (y *Yard) URL(ctx context.Context, service string) (string, error) {
	t, err := y.Client.Target(ctx, service, "test")
	return t.URL, err
}
