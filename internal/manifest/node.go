package manifest

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// fields are the keys that a mapping may have, with what reads each.
type fields []field

type field struct {
	key  string
	read func(value *yaml.Node)
}

// unsupported marks a key that belongs to the format and is not built yet.
func unsupported(p *problems, key, instead string) field {
	return field{key, func(n *yaml.Node) { p.add(n, "%s is not supported yet; %s", key, instead) }}
}

// mapping reads n, which must be a mapping with known keys, each at most once.
// It returns the values by key, or nil when n is no mapping.
func mapping(p *problems, n *yaml.Node, in string, known fields) map[string]*yaml.Node {
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
		if near := closest(key.Value, names); near != "" {
			p.add(key, "unknown key %q in %s; did you mean %q?", key.Value, in, near)
			return
		}
		p.add(key, "unknown key %q in %s; there are %s", key.Value, in, strings.Join(names, ", "))
	})
	if !ok {
		return nil
	}
	return at
}

// pairs calls each for every key of the mapping n, and reports whether n is one.
func pairs(p *problems, n *yaml.Node, in string, each func(key, value *yaml.Node)) bool {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		p.add(n, "%s must be a mapping of keys to values, not %s", in, describe(n))
		return false
	}
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content) && !p.full(); i += 2 {
		key, value := resolve(n.Content[i]), n.Content[i+1]
		switch line, twice := first[key.Value]; {
		case key.Kind != yaml.ScalarNode:
			p.add(key, "a key of %s must be a word, not %s", in, describe(key))
		case key.Tag == "!!merge":
			p.add(key, "merging with << is not supported; write the keys of %s out", in)
		case twice:
			p.add(key, "%q is there twice in %s, first on line %d", key.Value, in, line)
		default:
			first[key.Value] = key.Line
			each(key, at(value))
		}
	}
	return true
}

// at resolves an alias but keeps the position where it was used.
func at(n *yaml.Node) *yaml.Node {
	if n.Kind != yaml.AliasNode {
		return n
	}
	c := *resolve(n)
	c.Line, c.Column = n.Line, n.Column
	return &c
}

func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// list calls each for every item of the sequence n.
func list(p *problems, n *yaml.Node, what string, each func(i int, item *yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		p.add(n, "%s must be a list, not %s", what, describe(n))
		return
	}
	for i, item := range n.Content {
		if p.full() {
			return
		}
		each(i, at(item))
	}
}

// text reads one line that is not empty.
func text(p *problems, n *yaml.Node, what string) string {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || n.Value == "" {
		p.add(n, "%s must be a text, not %s", what, describe(n))
		return ""
	}
	if strings.ContainsAny(n.Value, "\x00\r\n") {
		p.add(n, "%s must be one line", what)
		return ""
	}
	return n.Value
}

// words reads a command: a list of texts.
func words(p *problems, n *yaml.Node, what string) []string {
	var out []string
	list(p, n, what, func(i int, item *yaml.Node) {
		if item.Kind != yaml.ScalarNode || item.Tag == "!!null" || strings.ContainsRune(item.Value, 0) {
			p.add(item, "%s[%d] must be a text, not %s", what, i, describe(item))
			return
		}
		out = append(out, item.Value)
	})
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 || len(out) > 0 && out[0] == "" {
		p.add(n, "%s must begin with the program to start", what)
	}
	return out
}

func whole(p *problems, n *yaml.Node, what string, least, most int) int {
	v, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil || v < least || v > most {
		p.add(n, "%s must be a whole number from %d to %d, not %s", what, least, most, describe(n))
		return least
	}
	return v
}

func duration(p *problems, n *yaml.Node, what string, most time.Duration) time.Duration {
	d, err := time.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || d < 0 || d > most {
		p.add(n, "%s must be a time from 0s to %s, such as 30s or 1m30s, not %s", what, short(most), describe(n))
		return 0
	}
	return d
}

func short(d time.Duration) string {
	return strings.TrimSuffix(strings.TrimSuffix(d.String(), "0s"), "0m")
}

// describe says what a person wrote, for the end of a sentence.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!null":
		return "nothing"
	case len(n.Value) > 60:
		return fmt.Sprintf("%q…", n.Value[:60])
	}
	return fmt.Sprintf("%q", n.Value)
}

// find walks keys down from n, which may be nil; nil when there is no such key.
func find(n *yaml.Node, keys ...string) *yaml.Node {
	for _, key := range keys {
		if n == nil {
			return nil
		}
		parent := resolve(n)
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
		return resolve(v).Value
	}
	return ""
}
