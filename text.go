package slipway

import "strings"

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}
