package platform

import (
	"fmt"
	"strings"

	"github.com/slipway-cd/slipway"
)

// Change is what becomes of one environment.
type Change struct {
	Environment slipway.EnvironmentName
	Kind        Kind
	Differences []slipway.Difference
}

// Kind says what becomes of it.
type Kind string

// Kinds of changes.
const (
	Added   Kind = "added"
	Removed Kind = "removed"
	Changed Kind = "changed"
)

// changes lists what leads from one declaration to another, in the order of the
// new one, then of what is gone.
func changes(from, to slipway.Environments) []Change {
	var all []Change
	for _, e := range to {
		was, err := from.Find(e.Name)
		if err != nil {
			all = append(all, Change{e.Name, Added, slipway.Compare(nil, e.Facts())})
			continue
		}
		if d := slipway.Compare(was.Facts(), e.Facts()); len(d) > 0 {
			all = append(all, Change{e.Name, Changed, d})
		}
	}
	for _, e := range from {
		if _, err := to.Find(e.Name); err != nil {
			all = append(all, Change{e.Name, Removed, slipway.Compare(e.Facts(), nil)})
		}
	}
	return all
}

// lines tell changes to people, one a line.
func lines(all []Change) []string {
	var out []string
	for _, c := range all {
		switch c.Kind {
		case Added:
			var facts []string
			for _, d := range c.Differences {
				facts = append(facts, d.Name+" "+d.To)
			}
			out = append(out, fmt.Sprintf("+ %s: %s", c.Environment, strings.Join(facts, ", ")))
		case Removed:
			out = append(out, fmt.Sprintf("- %s", c.Environment))
		case Changed:
			for _, d := range c.Differences {
				out = append(out, fmt.Sprintf("~ %s: %s %s → %s", c.Environment, d.Name, orNone(d.From), orNone(d.To)))
			}
		}
	}
	return out
}

func orNone(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
