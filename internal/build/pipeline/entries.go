package pipeline

import (
	"gopkg.in/yaml.v3"

	"github.com/slipway-cd/slipway/internal/yamldoc"
)

// entries are the keys of mapping n, its own before those merged in by `<<`,
// with their values resolved.
func entries(p *yamldoc.Problems, n *yaml.Node, in string) []yamldoc.Entry {
	n = yamldoc.Resolve(n)
	if n.Kind != yaml.MappingNode {
		p.Add(n, "%s must be a mapping, not %s", in, yamldoc.Describe(n))
		return nil
	}
	all, merged := yamldoc.Entries(p, n, in)
	there := map[string]bool{}
	for i, e := range all {
		all[i].Value, there[e.Key.Value] = yamldoc.Resolve(e.Value), true
	}
	for _, m := range merged {
		from := []*yaml.Node{yamldoc.Resolve(m.Value)}
		if from[0].Kind == yaml.SequenceNode {
			from = from[0].Content
		}
		for _, n := range from {
			for _, e := range entries(p, n, "what << merges") {
				if !there[e.Key.Value] {
					there[e.Key.Value] = true
					all = append(all, e)
				}
			}
		}
	}
	return all
}
