package pipeline

import (
	"testing"

	"pgregory.net/rapid"
)

// TestUnknownVariablesStayAsTheyAre holds the walk over the vendor's syntax tree
// to its promise: every byte that is not a variable of ours is kept.
func TestUnknownVariablesStayAsTheyAre(t *testing.T) {
	part := rapid.SampledFrom([]string{"$", "$$", `\`, `\$`, "$A", "${A}", "${A:-", "${A-", "${A?", "${A:1", ":2", "}", "{", "$(", ")", "a", " ", "é", "\uFFFD", "-", "'", `"`, "\n"})
	rapid.Check(t, func(t *rapid.T) {
		text := ""
		for range rapid.IntRange(0, 12).Draw(t, "parts") {
			text += part.Draw(t, "part")
		}
		got, err := expandKept(text, nil)
		if err == nil && got != text {
			t.Fatalf("%q became %q", text, got)
		}
	})
}
