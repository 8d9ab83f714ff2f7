package yamldoc

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

// MaxProblems bounds what is told of one file.
const MaxProblems = 50

// Problems gathers what is wrong with one file.
type Problems struct {
	File string // what they call the file
	list []problem
}

type problem struct {
	line, column int
	text         string
}

// Add adds a problem at n. More than [MaxProblems] are dropped.
func (p *Problems) Add(n *yaml.Node, format string, args ...any) {
	p.addAt(n.Line, n.Column, format, args...)
}

func (p *Problems) addAt(line, column int, format string, args ...any) {
	if !p.full() {
		p.list = append(p.list, problem{max(line, 1), max(column, 1), fmt.Sprintf(format, args...)})
	}
}

var syntaxLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// addSyntax takes what the YAML library says, which knows lines only.
func (p *Problems) addSyntax(err error) {
	line, text := 0, err.Error()
	if m := syntaxLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = m[2]
	}
	p.addAt(line, 1, "not YAML: %s", text)
}

// Len is how many problems there are by now.
func (p *Problems) Len() int { return len(p.list) }

func (p *Problems) full() bool { return len(p.list) >= MaxProblems }

// Err is nil, or an Invalid error that tells every problem in the order of the
// file, a line each, then how many they are and the remedy, which may be "".
func (p *Problems) Err(remedy string) error {
	if len(p.list) == 0 {
		return nil
	}
	slices.SortStableFunc(p.list, func(a, b problem) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column))
	})
	told := slices.Compact(slices.Clone(p.list)) // what an alias repeats is told once
	lines := make([]string, len(told))
	for i, q := range told {
		lines[i] = fmt.Sprintf("%s:%d:%d: %s", p.File, q.line, q.column, q.text)
	}
	err := slipway.Errorf(slipway.Invalid, "%s", strings.Join(lines, "\n"))
	switch {
	case p.full():
		return err.Do("%s", strings.TrimSpace(fmt.Sprintf("%d problems or more. %s", len(lines), remedy)))
	case len(lines) > 1:
		return err.Do("%s", strings.TrimSpace(fmt.Sprintf("%d problems. %s", len(lines), remedy)))
	case remedy != "":
		return err.Do("1 problem. %s", remedy)
	}
	return err
}
