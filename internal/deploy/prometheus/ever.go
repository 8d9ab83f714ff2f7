package prometheus

import (
	"regexp"
	"strings"

	"github.com/slipway-cd/slipway"
)

// lately is how far back a counter of failures is looked for, and at which moments
// before now: one that is asked for its counters is known for five minutes.
const lately = "[7d:5m]"

// ever asks whether there has been a counter of failures lately, of whichever
// release that can be asked for.
func ever(t slipway.TargetID, canary, baseline int, q slipway.Query) string {
	wide := anyRelease(q.Failed)
	asked := "(\n" + about(t, canary, wide) + "\n)"
	if strings.Contains(wide, release) && baseline != 0 {
		asked += " or (\n" + about(t, baseline, wide) + "\n)"
	}
	return marked("ever", "count("+asked+" or count_over_time(("+asked+")"+lately+"))")
}

// anyRelease has those labels match any value that are to match that of a release.
// Where it is named in another way it stays.
func anyRelease(expression string) string {
	return literals.ReplaceAllStringFunc(expression, func(found string) string {
		if !strings.HasPrefix(found, "=") || !strings.Contains(found, release) {
			return found
		}
		return `=~".+"`
	})
}

// literals are comments, and strings with the operator before them.
var literals = regexp.MustCompile(`#[^\n]*|(?:(?:=~|=|!=|!~)\s*)?(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|` + "`[^`]*`)")
