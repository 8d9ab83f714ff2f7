package manifest

import (
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/slipway-cd/slipway/internal/yamldoc"
)

// fields are the keys that a mapping may have, with what reads each.
type fields []field

type field struct {
	key  string
	read func(value *yaml.Node)
}

// unsupported marks a key that belongs to the format and is not built yet.
func unsupported(p *yamldoc.Problems, key, instead string) field {
	return field{key, func(n *yaml.Node) { p.Add(n, "%s is not supported yet; %s", key, instead) }}
}

// mapping reads n, which must be a mapping with known keys, each at most once.
// It returns the values by key, or nil when n is no mapping.
func mapping(p *yamldoc.Problems, n *yaml.Node, in string, known fields) map[string]*yaml.Node {
	at := map[string]*yaml.Node{}
	ok := pairs(p, n, in, func(key, value *yaml.Node) {
		for _, f := range known {
			if f.key == key.Value {
				at[f.key] = value
				f.read(value)
				return
			}
		}
		var names []string
		for _, f := range known {
			names = append(names, f.key)
		}
		hint := yamldoc.Meant(key.Value, names)
		if hint == "" {
			hint = "; there are " + strings.Join(names, ", ")
		}
		p.Add(key, "unknown key %q in %s%s", key.Value, in, hint)
	})
	if !ok {
		return nil
	}
	return at
}

// pairs calls each for every key of the mapping n, and reports whether n is one.
func pairs(p *yamldoc.Problems, n *yaml.Node, in string, each func(key, value *yaml.Node)) bool {
	n = yamldoc.Resolve(n)
	if n.Kind != yaml.MappingNode {
		p.Add(n, "%s must be a mapping of keys to values, not %s", in, yamldoc.Describe(n))
		return false
	}
	own, merged := yamldoc.Entries(p, n, in)
	for _, e := range merged {
		p.Add(e.Key, "merging with << is not supported; write the keys of %s out", in)
	}
	for _, e := range own {
		each(e.Key, yamldoc.At(e.Value))
	}
	return true
}

// list calls each for every item of the sequence n.
func list(p *yamldoc.Problems, n *yaml.Node, what string, each func(i int, item *yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		p.Add(n, "%s must be a list, not %s", what, yamldoc.Describe(n))
		return
	}
	for i, item := range n.Content {
		each(i, yamldoc.At(item))
	}
}

// text reads one line that is not empty.
func text(p *yamldoc.Problems, n *yaml.Node, what string) string {
	if n.Kind != yaml.ScalarNode || yamldoc.IsNull(n) || n.Value == "" {
		p.Add(n, "%s must be a text, not %s", what, yamldoc.Describe(n))
		return ""
	}
	if strings.ContainsAny(n.Value, "\x00\r\n") {
		p.Add(n, "%s must be one line", what)
		return ""
	}
	return n.Value
}

// words reads a command: a list of texts.
func words(p *yamldoc.Problems, n *yaml.Node, what string) []string {
	var out []string
	list(p, n, what, func(i int, item *yaml.Node) {
		if item.Kind != yaml.ScalarNode || yamldoc.IsNull(item) || strings.ContainsRune(item.Value, 0) {
			p.Add(item, "%s[%d] must be a text, not %s", what, i, yamldoc.Describe(item))
			return
		}
		out = append(out, item.Value)
	})
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 || len(out) > 0 && out[0] == "" {
		p.Add(n, "%s must begin with the program to start", what)
	}
	return out
}

func whole(p *yamldoc.Problems, n *yaml.Node, what string, least, most int) int {
	v, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || err != nil || v < least || v > most {
		p.Add(n, "%s must be a whole number from %d to %d, not %s", what, least, most, yamldoc.Describe(n))
		return least
	}
	return v
}

func duration(p *yamldoc.Problems, n *yaml.Node, what string, most time.Duration) time.Duration {
	d, err := time.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || d < 0 || d > most {
		p.Add(n, "%s must be a time from 0s to %s, such as 30s or 1m30s, not %s", what, short(most), yamldoc.Describe(n))
		return 0
	}
	return d
}

func short(d time.Duration) string {
	return strings.TrimSuffix(strings.TrimSuffix(d.String(), "0s"), "0m")
}

// find walks keys down from n, which may be nil; nil when there is no such key.
func find(n *yaml.Node, keys ...string) *yaml.Node {
	for _, key := range keys {
		if n == nil {
			return nil
		}
		parent := yamldoc.Resolve(n)
		n = nil
		if parent.Kind != yaml.MappingNode {
			return nil
		}
		for i := 0; i+1 < len(parent.Content); i += 2 {
			if parent.Content[i].Value == key {
				n = parent.Content[i+1]
			}
		}
	}
	return n
}

// peek is the text under a key, "" when there is none.
func peek(n *yaml.Node, key string) string {
	if v := find(n, key); v != nil {
		return yamldoc.Resolve(v).Value
	}
	return ""
}
