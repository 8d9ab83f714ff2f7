package pipeline

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/slipway-cd/slipway"
)

// maxProblems bounds what is told of one file.
const maxProblems = 50

// problems gathers what is wrong with one file.
type problems struct {
	file string
	list []problem
}

type problem struct {
	line, column int
	text         string
}

func (p *problems) add(n *yaml.Node, format string, args ...any) {
	p.addAt(n.Line, n.Column, format, args...)
}

func (p *problems) addAt(line, column int, format string, args ...any) {
	if len(p.list) < maxProblems {
		p.list = append(p.list, problem{max(line, 1), max(column, 1), fmt.Sprintf(format, args...)})
	}
}

var syntaxLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// addSyntax takes what the YAML library says, which knows lines only.
func (p *problems) addSyntax(err error) {
	line, text := 0, err.Error()
	if m := syntaxLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = m[2]
	}
	p.addAt(line, 1, "not YAML: %s", text)
}

// err is nil, or an Invalid error that tells every problem in the order of the
// file, a line each.
func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	slices.SortStableFunc(p.list, func(a, b problem) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column))
	})
	told := slices.Compact(p.list) // what an alias repeats is told once
	lines := make([]string, len(told))
	for i, q := range told {
		lines[i] = fmt.Sprintf("%s:%d:%d: %s", p.file, q.line, q.column, q.text)
	}
	err := slipway.Errorf(slipway.Invalid, "%s", strings.Join(lines, "\n"))
	switch n := len(lines); {
	case n == maxProblems:
		return err.Do("%d problems or more.", n)
	case n > 1:
		return err.Do("%d problems.", n)
	}
	return err
}

// meant is `; did you mean "label"?` when got is close to a known word, else "".
func meant(got string, known []string) string {
	best, distance := "", 3
	for _, k := range known {
		if d := edits(got, k); d < distance && d < len(k) {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// edits counts the letters to insert, delete or replace to get from a to b; two
// swapped neighbours count once. Words too far apart are 3.
func edits(a, b string) int {
	if len(a) > len(b)+2 || len(b) > len(a)+2 {
		return 3
	}
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			replace := last[j]
			if a[i] != b[j] {
				replace++
			}
			row[j+1] = min(replace, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
