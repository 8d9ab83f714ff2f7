package pipeline

import (
	"fmt"
	"strings"

	"github.com/buildkite/interpolate"
)

// maxText bounds a command and a variable once it is filled in: variables of
// variables could make it any length.
const maxText = 64 << 10

var errTooLong = fmt.Errorf("longer than %d KiB once variables are filled in", maxText>>10)

// expand replaces the variables that vars holds, by the rules of Buildkite
// ($VAR, ${VAR:-default}, ${VAR:0:7}, …), and $$ by a dollar sign. All others
// stay exactly as they are written, for the shell: what a stranger can choose,
// such as a branch's name, never becomes part of a command.
func expand(text string, vars map[string]string) (string, error) {
	return expandWith(text, vars, func(string) string { return "$" })
}

// expandKept is expand for a value that is expanded once more, when the job's
// own variables are known: what is escaped stays escaped.
func expandKept(text string, vars map[string]string) (string, error) {
	return expandWith(text, vars, func(escape string) string { return escape })
}

func expandWith(text string, vars map[string]string, escaped func(string) string) (string, error) {
	if len(text) > maxText {
		return "", errTooLong
	}
	expr, err := interpolate.NewParser(text).Parse()
	if err != nil {
		return "", err
	}
	var out strings.Builder
	rest := text
	for _, item := range expr {
		n := min(extent(item, rest), len(rest))
		source := rest[:n]
		rest = rest[n:]
		switch e := item.Expansion.(type) {
		case nil:
			out.WriteString(source)
		case interpolate.EscapedExpansion:
			out.WriteString(escaped(source))
		default:
			names := e.Identifiers()
			if _, known := vars[names[0]]; !known {
				out.WriteString(source)
				continue
			}
			long := out.Len() + len(rest)
			for _, name := range names {
				long += len(vars[name])
			}
			if long > maxText {
				return "", errTooLong
			}
			value, err := e.Expand(interpolate.NewMapEnv(vars))
			if err != nil {
				return "", err
			}
			out.WriteString(value)
		}
	}
	return out.String(), nil
}

// extent is how many bytes at the start of source item was parsed from, which
// the library does not tell.
func extent(item interpolate.ExpressionItem, source string) int {
	inner := func(operator string, id string, content interpolate.Expression) int {
		n := len("${") + len(id) + len(operator)
		for _, c := range content {
			n += extent(c, source[min(n, len(source)):])
		}
		return n + len("}")
	}
	switch e := item.Expansion.(type) {
	case interpolate.EscapedExpansion:
		return len("$$")
	case interpolate.VariableExpansion:
		if strings.HasPrefix(source, "${") {
			return len("${}") + len(e.Identifier)
		}
		return len("$") + len(e.Identifier)
	case interpolate.SubstringExpansion:
		return strings.IndexByte(source, '}') + 1
	case interpolate.EmptyValueExpansion:
		return inner(":-", e.Identifier, e.Content)
	case interpolate.UnsetValueExpansion:
		return inner("-", e.Identifier, e.Content)
	case interpolate.RequiredExpansion:
		return inner("?", e.Identifier, e.Message)
	}
	return len(item.Text)
}
