package manifest

import (
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/yamldoc"
)

// secrets reads what instances want beside their environment: each a name, or
// { name: NAME, as: file }.
func secrets(p *yamldoc.Problems, n *yaml.Node) []slipway.SecretUse {
	var all []slipway.SecretUse
	list(p, n, "run.secrets", func(_ int, item *yaml.Node) {
		var use slipway.SecretUse
		at := item
		if item.Kind == yaml.MappingNode {
			use, at = secret(p, item)
		} else {
			use.Name = text(p, item, "a secret")
		}
		if use.Name == "" {
			return
		}
		if err := slipway.ValidateVariable(use.Name); err != nil {
			p.Add(at, "%s", slipway.MessageOf(err))
		}
		if slices.ContainsFunc(all, func(known slipway.SecretUse) bool { return known.Name == use.Name }) {
			p.Add(at, "the secret %s is there twice", use.Name)
		}
		all = append(all, use)
	})
	if len(all) > slipway.MaxSettings {
		p.Add(n, "there can be %d secrets, not %d", slipway.MaxSettings, len(all))
	}
	return all
}

func secret(p *yamldoc.Problems, n *yaml.Node) (use slipway.SecretUse, at *yaml.Node) {
	found := mapping(p, n, "a secret", fields{
		{"name", func(n *yaml.Node) { use.Name = text(p, n, "name") }},
		{"as", func(n *yaml.Node) {
			switch as := text(p, n, "as"); as {
			case "file":
				use.File = true
			case "env", "":
			default:
				p.Add(n, "there is no way %q to give a secret; there are env, file", as)
			}
		}},
	})
	if found["name"] == nil {
		p.Add(n, "a secret needs a name: { name: DATABASE_URL, as: file }")
		return use, n
	}
	return use, found["name"]
}

// twofold finds variables that are set and are secrets as well: which of the
// two an instance got would be anybody's guess.
func twofold(p *yamldoc.Problems, root *yaml.Node, m *slipway.Manifest) {
	for _, use := range m.Run.Secrets {
		name := use.Name
		if use.File {
			name += "_FILE"
		}
		if n := find(root, "run", "env", name); n != nil {
			p.Add(n, "%s is given by the secret %s; remove one of them", name, use.Name)
		}
		for env := range m.Environments {
			if n := find(root, "environments", string(env), "env", name); n != nil {
				p.Add(n, "%s is given by the secret %s; remove one of them", name, use.Name)
			}
		}
	}
}
