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

// environments reads how the service runs in each environment.
func environments(p *yamldoc.Problems, n *yaml.Node) map[slipway.EnvironmentName]slipway.Placement {
	all := map[slipway.EnvironmentName]slipway.Placement{}
	pairs(p, n, "environments", func(key, value *yaml.Node) {
		e, err := slipway.BuiltinEnvironments.Find(slipway.EnvironmentName(key.Value))
		if err != nil {
			p.Add(key, "%s", slipway.MessageOf(err))
			return
		}
		all[e.Name] = placement(p, value, "environments."+key.Value)
	})
	return all
}

func placement(p *yamldoc.Problems, n *yaml.Node, in string) slipway.Placement {
	pl := slipway.Placement{Replicas: 1, Rollout: slipway.Rollout{Strategy: slipway.Rolling}}
	mapping(p, n, in, fields{
		{"replicas", func(n *yaml.Node) { pl.Replicas = whole(p, n, "replicas", 1, slipway.MaxReplicas) }},
		{"strategy", func(n *yaml.Node) { pl.Strategy = strategy(p, n) }},
		{"env", func(n *yaml.Node) { pl.Env = env(p, n, in+".env") }},
		unsupported(p, "canary", "there are the strategies rolling, recreate"),
	})
	return pl
}

func strategy(p *yamldoc.Problems, n *yaml.Node) slipway.Strategy {
	switch s := slipway.Strategy(text(p, n, "strategy")); s {
	case slipway.Rolling, slipway.Recreate:
		return s
	case "canary", "immutable":
		p.Add(n, "strategy %s is not supported yet; there are rolling, recreate", s)
	case "":
	default:
		p.Add(n, "there is no strategy %q; there are rolling, recreate", s)
	}
	return slipway.Rolling
}
