package manifest

import (
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
		{"protocol", func(n *yaml.Node) { r.Protocol = protocol(p, n) }},
		{"sticky", func(n *yaml.Node) { r.Sticky = truth(p, n, "sticky") }},
		{"passive", func(n *yaml.Node) { r.Passive = truth(p, n, "passive") }},
		{"secrets", func(n *yaml.Node) { r.Secrets = secrets(p, n) }},
	})
}

func protocol(p *yamldoc.Problems, n *yaml.Node) slipway.Protocol {
	switch pr := slipway.Protocol(text(p, n, "protocol")); pr {
	case slipway.HTTP1, slipway.H2C, "":
		return pr
	default:
		p.Add(n, "there is no protocol %q; there are http1, h2c (HTTP/2 without TLS)", pr)
		return ""
	}
}

func truth(p *yamldoc.Problems, n *yaml.Node, what string) bool {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
		p.Add(n, "%s must be true or false, not %s", what, yamldoc.Describe(n))
		return true // as good as any: it is told already
	}
	return strings.EqualFold(n.Value, "true")
}

// between is a duration that may not be too short either.
func between(p *yamldoc.Problems, n *yaml.Node, what string, least, most time.Duration) time.Duration {
	d := duration(p, n, what, most)
	if v, err := time.ParseDuration(n.Value); n.Kind == yaml.ScalarNode && err == nil && v >= 0 && v < least {
		p.Add(n, "%s must be at least %s, not %s", what, least, yamldoc.Describe(n))
	}
	return d
}
