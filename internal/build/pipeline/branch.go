package pipeline

import "strings"

// matchBranch reports whether a build of branch runs a step with these branch
// patterns: none, or one of the plain patterns matches (when there are any) and
// no pattern with ! does. A * stands for any letters. Builds of tags have no
// branch, so plain patterns never match them.
func matchBranch(patterns, branch string) bool {
	plain, matched := false, false
	for pattern := range strings.FieldsSeq(patterns) {
		not, isNot := strings.CutPrefix(pattern, "!")
		if isNot {
			if branch != "" && glob(not, branch) {
				return false
			}
			continue
		}
		plain = true
		matched = matched || branch != "" && glob(pattern, branch)
	}
	return matched || !plain
}

// glob reports whether name is pattern, where * stands for any letters.
func glob(pattern, name string) bool {
	head, tail, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == name
	}
	name, ok := strings.CutPrefix(name, head)
	if !ok {
		return false
	}
	for {
		head, tail, star = strings.Cut(tail, "*")
		if !star {
			return strings.HasSuffix(name, head)
		}
		if _, name, ok = strings.Cut(name, head); !ok {
			return false
		}
	}
}
