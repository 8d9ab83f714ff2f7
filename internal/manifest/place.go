package manifest

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/yamldoc"
)

var atLeast = regexp.MustCompile(`^>= *([0-9]{1,9})$`)

// needs reads the services that this one calls.
func needs(p *yamldoc.Problems, n *yaml.Node) []slipway.Need {
	var all []slipway.Need
	pairs(p, n, "needs", func(key, value *yaml.Node) {
		need := slipway.Need{Service: slipway.ServiceName(key.Value)}
		if err := need.Service.Validate(); err != nil {
			p.Add(key, "%s", slipway.MessageOf(err))
			return
		}
		switch release := atLeast.FindStringSubmatch(value.Value); {
		case value.Kind == yaml.ScalarNode && (yamldoc.IsNull(value) || value.Value == "any"):
		case release != nil:
			need.AtLeast, _ = strconv.Atoi(release[1])
		case value.Kind == yaml.ScalarNode && strings.Contains(value.Value, "."):
			p.Add(value, `semantic versions are not supported yet; write a release number, %s: ">= 12", or any`, key.Value)
		default:
			p.Add(value, `needs must be a release number, %s: ">= 12", or any, not %s`, key.Value, yamldoc.Describe(value))
		}
		all = append(all, need)
	})
	slices.SortFunc(all, func(a, b slipway.Need) int { return cmp.Compare(a.Service, b.Service) })
	return all
}

// environments reads how the service runs in each environment. Which of them
// exist is not known here.
func environments(p *yamldoc.Problems, n *yaml.Node) map[slipway.EnvironmentName]slipway.Placement {
	all := map[slipway.EnvironmentName]slipway.Placement{}
	pairs(p, n, "environments", func(key, value *yaml.Node) {
		name := slipway.EnvironmentName(key.Value)
		if err := name.Validate(); err != nil {
			p.Add(key, "%s", slipway.MessageOf(err))
			return
		}
		all[name] = Placement(p, value, "environments."+key.Value)
	})
	return all
}

// known tells which of the environments that a manifest names do not exist.
func known(p *yamldoc.Problems, root *yaml.Node, all slipway.Environments) {
	n := find(root, "environments")
	if n == nil {
		return
	}
	n = yamldoc.Resolve(n)
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		name := slipway.EnvironmentName(yamldoc.Resolve(n.Content[i]).Value)
		if _, err := all.Find(name); err != nil && name.Validate() == nil {
			p.Add(n.Content[i], "%s", slipway.MessageOf(err))
		}
	}
}

// Placement reads how a service runs in an environment; in is what a person
// calls the mapping n: environments.prod of a slipway.yaml, or the defaults of
// an environment. What is not written is zero, but for what a strategy that is
// written leaves open: that has its default.
func Placement(p *yamldoc.Problems, n *yaml.Node, in string) slipway.Placement {
	var pl slipway.Placement
	at := mapping(p, n, in, fields{
		{"replicas", func(n *yaml.Node) { pl.Replicas = whole(p, n, "replicas", 1, slipway.MaxReplicas) }},
		{"strategy", func(n *yaml.Node) { pl.Strategy = strategy(p, n) }},
		{"rolling", func(*yaml.Node) {}}, // once the strategy is known
		{"immutable", func(*yaml.Node) {}},
		{"canary", func(*yaml.Node) {}},
		{"env", func(n *yaml.Node) { pl.Env = env(p, n, in+".env") }},
	})
	if at != nil {
		rollout(p, at, in, &pl)
	}
	return pl
}
