package manifest

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
	if p.full() {
		return
	}
	p.list = append(p.list, problem{max(line, 1), max(column, 1), fmt.Sprintf(format, args...)})
}

var syntaxLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// addSyntax takes what the YAML library says, which knows lines only.
func (p *problems) addSyntax(err error) {
	match := syntaxLine.FindStringSubmatch(err.Error())
	if match == nil {
		p.addAt(1, 1, "not YAML: %v", err)
		return
	}
	line, _ := strconv.Atoi(match[1])
	p.addAt(line, 1, "not YAML: %s", match[2])
}

func (p *problems) full() bool { return len(p.list) >= maxProblems }

// err is nil, or an Invalid error that tells every problem in the order of the
// file.
func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	slices.SortStableFunc(p.list, func(a, b problem) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column))
	})
	lines := make([]string, len(p.list))
	for i, q := range p.list {
		lines[i] = fmt.Sprintf("%s:%d:%d: %s", p.file, q.line, q.column, q.text)
	}
	count := "1 problem."
	switch {
	case p.full():
		count = fmt.Sprintf("%d problems or more.", maxProblems)
	case len(lines) > 1:
		count = fmt.Sprintf("%d problems.", len(lines))
	}
	return slipway.Errorf(slipway.Invalid, "%s", strings.Join(lines, "\n")).
		Do("%s The keys of slipway.yaml: slipway help manifest", count)
}

// closest is the known word that got is most likely meant to be, or "".
func closest(got string, known []string) string {
	best, distance := "", 3
	for _, k := range known {
		if d := edits(got, k); d < distance && d < len(k) {
			best, distance = k, d
		}
	}
	return best
}

// edits counts the letters to insert, delete, replace or swap to get from a to b.
func edits(a, b string) int {
	if len(a) > len(b)+2 || len(b) > len(a)+2 {
		return 3
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
