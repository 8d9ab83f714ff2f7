package manifest

import (
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/yamldoc"
)

// Bounds and defaults of probes. Those of period and timeout belong to whoever
// probes.
const (
	maxFailures     = 1000
	minPeriod       = 100 * time.Millisecond
	minTimeout      = 10 * time.Millisecond
	maxTimeout      = 5 * time.Minute
	maxChecks       = 20
	startupFailures = 30
	readyFailures   = 1
	liveFailures    = 3
)

func health(p *yamldoc.Problems, n *yaml.Node, h *slipway.Health) {
	mapping(p, n, "health", fields{
		{"startup", func(n *yaml.Node) { h.Startup = probe(p, n, "health.startup", startupFailures, false) }},
		{"ready", func(n *yaml.Node) { h.Ready = probe(p, n, "health.ready", readyFailures, true) }},
		{"live", func(n *yaml.Node) { h.Live = probe(p, n, "health.live", liveFailures, false) }},
		{"preflight", func(n *yaml.Node) { h.Preflight = preflight(p, n) }},
		{"deadline", func(n *yaml.Node) { h.Deadline = between(p, n, "deadline", time.Second, maxWait) }},
	})
}

// ways are how a probe can ask, each a key.
var ways = []string{"http", "tcp", "exec", "grpc"}

func probe(p *yamldoc.Problems, n *yaml.Node, in string, failures int, repeats bool) *slipway.Probe {
	pr := &slipway.Probe{Failures: failures}
	known := fields{
		{"http", func(n *yaml.Node) { pr.HTTP = webPath(p, n, in+".http") }},
		{"tcp", func(n *yaml.Node) {
			if pr.TCP = truth(p, n, in+".tcp"); !pr.TCP {
				p.Add(n, "%s.tcp must be true; to ask in another way, write one of http, exec, grpc", in)
			}
		}},
		{"exec", func(n *yaml.Node) { pr.Exec = words(p, n, in+".exec") }},
		{"grpc", func(n *yaml.Node) { pr.GRPC = grpc(p, n, in+".grpc") }},
		{"delay", func(n *yaml.Node) { pr.Delay = duration(p, n, "delay", maxWait) }},
		{"period", func(n *yaml.Node) { pr.Period = between(p, n, "period", minPeriod, maxWait) }},
		{"timeout", func(n *yaml.Node) { pr.Timeout = between(p, n, "timeout", minTimeout, maxTimeout) }},
		{"failures", func(n *yaml.Node) { pr.Failures = whole(p, n, "failures", 1, maxFailures) }},
	}
	if repeats {
		known = append(known, field{"successes", func(n *yaml.Node) { pr.Successes = whole(p, n, "successes", 1, maxFailures) }})
	}
	at := mapping(p, n, in, known)
	if at == nil {
		return pr
	}
	var asked []string
	for _, way := range ways {
		if at[way] != nil {
			asked = append(asked, way)
		}
	}
	switch len(asked) {
	case 0:
		p.Add(n, "%s says not how to ask; write one of http: /path, tcp: true, exec: [command], grpc: true", in)
	case 1:
	default:
		p.Add(n, "%s can ask in one way only, not by %s", in, strings.Join(asked, " and "))
	}
	return pr
}

func webPath(p *yamldoc.Problems, n *yaml.Node, what string) string {
	path := text(p, n, what)
	if path != "" && (path[0] != '/' || strings.ContainsAny(path, " \t#")) {
		p.Add(n, "%s must be a path such as /readyz, not %s", what, yamldoc.Describe(n))
	}
	return path
}

// grpc is the name of the service that is asked for; true means the server
// itself.
func grpc(p *yamldoc.Problems, n *yaml.Node, what string) *string {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!bool" {
		if !truth(p, n, what) {
			p.Add(n, "%s must be true, or the name of the service to ask for", what)
		}
		return new("")
	}
	return new(text(p, n, what))
}

// preflight reads the list of what an instance needs around it.
func preflight(p *yamldoc.Problems, n *yaml.Node) []slipway.Check {
	var all []slipway.Check
	list(p, n, "health.preflight", func(i int, item *yaml.Node) {
		if i == maxChecks {
			p.Add(item, "health.preflight has more than %d checks", maxChecks)
		}
		all = append(all, check(p, item))
	})
	return all
}

func check(p *yamldoc.Problems, n *yaml.Node) slipway.Check {
	var c slipway.Check
	kinds := []string{}
	address := func(key, example string, into *string, prefixes ...string) field {
		return field{key, func(n *yaml.Node) {
			kinds = append(kinds, key)
			*into = text(p, n, key)
			fits := *into == "" || strings.HasPrefix(*into, "$") || len(prefixes) == 0 && strings.Contains(*into, ":")
			for _, prefix := range prefixes {
				fits = fits || strings.HasPrefix(*into, prefix)
			}
			if !fits {
				p.Add(n, "%s must be an address such as %s, or a variable that holds one: ${%s_URL}", key, example, strings.ToUpper(key))
			}
		}}
	}
	at := mapping(p, n, "a check of health.preflight", fields{
		{"name", func(n *yaml.Node) { c.Name = text(p, n, "name") }},
		address("tcp", "10.0.3.7:9000", &c.TCP),
		address("http", "http://10.0.3.7/healthz", &c.HTTP, "http://", "https://"),
		address("redis", "redis://10.0.3.7:6379", &c.Redis, "redis://", "rediss://", "unix://"),
		address("amqp", "amqp://10.0.3.7:5672", &c.AMQP, "amqp://", "amqps://"),
		address("postgres", "postgres://10.0.3.7/name", &c.Postgres, "postgres://", "postgresql://"),
		address("s3", "s3://BUCKET/PREFIX", &c.S3, "s3://"),
	})
	switch {
	case at == nil:
	case len(kinds) == 0:
		p.Add(n, "a check of health.preflight says not what to check; write one of tcp, http, redis, amqp, postgres, s3")
	case len(kinds) > 1:
		p.Add(n, "a check of health.preflight checks one thing, not %s; write one check for each", strings.Join(kinds, " and "))
	}
	return c
}
