package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"gopkg.in/yaml.v3"
)

// Bounds of a pipeline file.
const (
	MaxBytes = 256 << 10
	MaxSteps = 500
	maxNodes = 20_000 // after aliases are followed
	maxDepth = 32
)

// document decodes the one YAML document of text, or adds why not.
func document(p *problems, text []byte) *yaml.Node {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		p.addAt(1, 1, "the file is empty")
		return nil
	} else if err != nil {
		p.addSyntax(err)
		return nil
	}
	if err := dec.Decode(&more); err == nil {
		p.add(&more, "a second document; one file holds one pipeline")
	} else if !errors.Is(err, io.EOF) {
		p.addSyntax(err)
	}
	if err := new(bounds).check(doc.Content[0], 0); err != nil {
		p.addAt(err.line, err.column, "%s", err.text)
		return nil
	}
	return doc.Content[0]
}

// bounds holds a document to what a person would write: aliases may not
// multiply, nest or come back to themselves, and every tag is YAML's own.
type bounds struct{ nodes int }

var plainTags = []string{"!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp", "!!map", "!!seq", "!!merge"}

func (b *bounds) check(n *yaml.Node, depth int) *problem {
	b.nodes++
	switch {
	case b.nodes > maxNodes:
		return &problem{n.Line, n.Column, fmt.Sprintf("more than %d values, counting what aliases repeat", maxNodes)}
	case depth > maxDepth:
		return &problem{n.Line, n.Column, fmt.Sprintf("nested deeper than %d, counting aliases", maxDepth)}
	case n.Kind == yaml.AliasNode:
		return b.check(n.Alias, depth+1)
	case !slices.Contains(plainTags, n.ShortTag()):
		return &problem{n.Line, n.Column, fmt.Sprintf("the tag %s is not supported", n.Tag)}
	}
	for _, c := range n.Content {
		if err := b.check(c, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// entry is one key of a mapping with its value.
type entry struct{ key, value *yaml.Node }

// entries are the keys of mapping n, its own before those merged in by `<<`.
func entries(p *problems, n *yaml.Node, in string) []entry {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		p.add(n, "%s must be a mapping, not %s", in, describe(n))
		return nil
	}
	var own []entry
	var merged []*yaml.Node
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := resolve(n.Content[i]), resolve(n.Content[i+1])
		switch line, twice := first[key.Value]; {
		case key.Kind != yaml.ScalarNode || key.ShortTag() == "!!null":
			p.add(key, "a key of %s must be a word, not %s", in, describe(key))
		case key.ShortTag() == "!!merge":
			merged = append(merged, value)
		case twice:
			p.add(key, "%q is there twice in %s, first on line %d", key.Value, in, line)
		default:
			first[key.Value] = key.Line
			own = append(own, entry{key, value})
		}
	}
	for _, m := range merged {
		from := []*yaml.Node{m}
		if m.Kind == yaml.SequenceNode {
			from = m.Content
		}
		for _, n := range from {
			for _, e := range entries(p, n, "what << merges") {
				if _, there := first[e.key.Value]; !there {
					first[e.key.Value] = e.key.Line
					own = append(own, e)
				}
			}
		}
	}
	return own
}

func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// describe says what a person wrote, for the end of a sentence.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n):
		return "nothing"
	case len(n.Value) > 60:
		return fmt.Sprintf("%q…", n.Value[:60])
	}
	return fmt.Sprintf("%q", n.Value)
}
