package yamldoc

import (
	"fmt"

	"gopkg.in/yaml.v3"
)

// Entry is one key of a mapping with its value.
type Entry struct{ Key, Value *yaml.Node }

// Entries are the keys that stand in mapping n, and apart from them what is
// merged into it by `<<`. Values may be aliases. Keys that are no words, or
// there twice, are problems; in is what a person calls the mapping.
func Entries(p *Problems, n *yaml.Node, in string) (own, merged []Entry) {
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content) && !p.full(); i += 2 {
		e := Entry{Resolve(n.Content[i]), n.Content[i+1]}
		switch line, twice := first[e.Key.Value]; {
		case e.Key.Kind != yaml.ScalarNode || IsNull(e.Key):
			p.Add(e.Key, "a key of %s must be a word, not %s", in, Describe(e.Key))
		case e.Key.ShortTag() == "!!merge":
			merged = append(merged, e)
		case twice:
			p.Add(e.Key, "%q is there twice in %s, first on line %d", e.Key.Value, in, line)
		default:
			first[e.Key.Value] = e.Key.Line
			own = append(own, e)
		}
	}
	return own, merged
}

// Resolve is what n stands for: itself, unless it is an alias.
func Resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// At is Resolve with the position where an alias is used.
func At(n *yaml.Node) *yaml.Node {
	if n.Kind != yaml.AliasNode {
		return n
	}
	c := *n.Alias
	c.Line, c.Column = n.Line, n.Column
	return &c
}

// IsNull reports whether nothing is written, or null, or ~.
func IsNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// Describe says what a person wrote, for the end of a sentence.
func Describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case IsNull(n):
		return "nothing"
	case len(n.Value) > 60:
		return fmt.Sprintf("%q…", n.Value[:60])
	}
	return fmt.Sprintf("%q", n.Value)
}
