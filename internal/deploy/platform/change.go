package platform

import (
	"fmt"
	"strings"

	"github.com/slipway-cd/slipway"
)

// lines tell changes to people, one a line.
func lines(all []slipway.EnvironmentChange) []string {
	var out []string
	for _, c := range all {
		switch c.Kind {
		case slipway.Added:
			var facts []string
			for _, d := range c.Differences {
				facts = append(facts, d.Name+" "+d.To)
			}
			out = append(out, fmt.Sprintf("+ %s: %s", c.Environment, strings.Join(facts, ", ")))
		case slipway.Removed:
			out = append(out, fmt.Sprintf("- %s", c.Environment))
		case slipway.Changed:
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
