package slipway

import "strings"

// Brief is the first sentence of what was said of a deployment, which has what is
// known; what follows says what can be done.
func Brief(said string) string {
	first, _, more := strings.Cut(said, ". ")
	if more {
		first += "."
	}
	return first
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}
