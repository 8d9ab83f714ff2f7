// Package yamldoc reads a YAML file into nodes, bounded, and collects what is
// wrong with it. All problems are told at once, each with its position:
//
//	slipway.yaml:9:3: unknown key "helth" in service thoughts-backend; did you mean "health"?
//	slipway.yaml:14:12: replicas must be a whole number from 1 to 1000, not "three"
package yamldoc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"gopkg.in/yaml.v3"
)

// Bounds of a document.
const (
	maxNodes = 20_000 // after aliases are followed
	maxDepth = 32
)

// Read decodes the one document of text; nil, with the reason in p, when it
// cannot be read. Its aliases may be followed wherever they lead: they are
// bounded. What is the thing that a file holds one of, such as "service".
func Read(p *Problems, text []byte, what string) *yaml.Node {
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
		p.Add(&more, "a second document; one file holds one %s", what)
	} else if !errors.Is(err, io.EOF) {
		p.addSyntax(err)
	}
	if wrong := new(bounds).check(doc.Content[0], 0); wrong != nil {
		p.addAt(wrong.line, wrong.column, "%s", wrong.text)
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
		if wrong := b.check(c, depth+1); wrong != nil {
			return wrong
		}
	}
	return nil
}
