package manifest

import (
	"regexp"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/yamldoc"
)

const maxWait = time.Hour // of drain, stop_grace and deadline

func run(p *yamldoc.Problems, n *yaml.Node, r *slipway.Run) {
	mapping(p, n, "run", fields{
		{"command", func(n *yaml.Node) { r.Command = words(p, n, "run.command") }},
		{"port", func(n *yaml.Node) { r.Port = whole(p, n, "port", 1, 65535) }},
		{"env", func(n *yaml.Node) { r.Env = env(p, n, "run.env") }},
		{"drain", func(n *yaml.Node) { r.Drain = duration(p, n, "drain", maxWait) }},
		{"stop_grace", func(n *yaml.Node) { r.StopGrace = duration(p, n, "stop_grace", maxWait) }},
		unsupported(p, "secrets", "use run.env for what is no secret"),
	})
}

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// env reads variables. Numbers and booleans stand for themselves, as written.
func env(p *yamldoc.Problems, n *yaml.Node, in string) map[string]string {
	vars := map[string]string{}
	pairs(p, n, in, func(key, value *yaml.Node) {
		switch {
		case !variable.MatchString(key.Value):
			p.Add(key, "%s cannot name a variable; use letters, digits and _", yamldoc.Describe(key))
		case strings.HasPrefix(key.Value, "SLIPWAY_"):
			p.Add(key, "%s: names that begin with SLIPWAY_ are given by Slipway", key.Value)
		case yamldoc.IsNull(value):
			p.Add(value, `%s has no value; write %s: ""`, key.Value, key.Value)
		case value.Kind != yaml.ScalarNode || strings.ContainsRune(value.Value, 0):
			p.Add(value, "%s must be a text, not %s", key.Value, yamldoc.Describe(value))
		default:
			vars[key.Value] = value.Value
		}
	})
	return vars
}

func health(p *yamldoc.Problems, n *yaml.Node, h *slipway.Health) {
	mapping(p, n, "health", fields{
		{"ready", func(n *yaml.Node) {
			h.Ready = probe(p, n, "health.ready", fields{})
			h.Ready.Failures = 1
		}},
		{"live", func(n *yaml.Node) {
			failures := 3
			h.Live = probe(p, n, "health.live", fields{
				{"failures", func(n *yaml.Node) { failures = whole(p, n, "failures", 1, 100) }},
			})
			h.Live.Failures = failures
		}},
		{"deadline", func(n *yaml.Node) {
			h.Deadline = duration(p, n, "deadline", maxWait)
			if h.Deadline < time.Second && n.Kind == yaml.ScalarNode {
				if _, err := time.ParseDuration(n.Value); err == nil {
					p.Add(n, "deadline must be at least 1s, not %s", yamldoc.Describe(n))
				}
			}
		}},
	})
}

func probe(p *yamldoc.Problems, n *yaml.Node, in string, more fields) *slipway.Probe {
	pr := &slipway.Probe{}
	at := mapping(p, n, in, append(fields{
		{"http", func(n *yaml.Node) {
			pr.HTTP = text(p, n, in+".http")
			if pr.HTTP != "" && (pr.HTTP[0] != '/' || strings.ContainsAny(pr.HTTP, " \t#")) {
				p.Add(n, "%s.http must be a path such as /readyz, not %s", in, yamldoc.Describe(n))
			}
		}},
	}, more...))
	if at != nil && at["http"] == nil {
		p.Add(n, "%s needs http: the path to GET", in)
	}
	return pr
}
