package manifest

import (
	"fmt"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/yamldoc"
)

var (
	variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	named    = regexp.MustCompile(`\$\{([^}]*)\}?`)
)

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

// given are the variables that an instance of m has, as far as the manifest
// tells.
func given(m *slipway.Manifest) map[string]bool {
	all := map[string]bool{"PORT": m.Kind == slipway.Web, "HOME": true, "TMPDIR": true, "PATH": true,
		"SLIPWAY_SERVICE": true, "SLIPWAY_ENVIRONMENT": true, "SLIPWAY_RELEASE": true, "SLIPWAY_INSTANCE": true}
	for name := range m.Run.Env {
		all[name] = true
	}
	for _, place := range m.Environments {
		for name := range place.Env {
			all[name] = true
		}
	}
	for _, s := range m.Run.Secrets {
		all[s.Name] = !s.File
		all[s.Name+"_FILE"] = all[s.Name+"_FILE"] || s.File
	}
	for _, need := range m.Needs {
		all[strings.ToUpper(strings.ReplaceAll(string(need.Service), "-", "_"))+"_URL"] = true
	}
	return all
}

// referred checks the variables that the checks of health.preflight, at n,
// refer to.
func referred(p *yamldoc.Problems, n *yaml.Node, m *slipway.Manifest) {
	if n == nil {
		return
	}
	known := given(m)
	for _, item := range yamldoc.Resolve(n).Content {
		check := yamldoc.At(item)
		for i := 1; i < len(check.Content); i += 2 {
			value := yamldoc.At(check.Content[i])
			for _, ref := range named.FindAllStringSubmatch(value.Value, -1) {
				if why := unresolved(ref, known); why != "" {
					p.Add(value, "%s", why)
				}
			}
		}
	}
}

func unresolved(ref []string, known map[string]bool) string {
	switch name := ref[1]; {
	case !strings.HasSuffix(ref[0], "}"):
		return fmt.Sprintf("%q is not closed; write ${%s}", ref[0], name)
	case !variable.MatchString(name):
		return fmt.Sprintf("%q cannot name a variable; use letters, digits and _", name)
	case !known[name]:
		return fmt.Sprintf("nothing gives the variable %s; name it in run.env, run.secrets or needs", name)
	}
	return ""
}
