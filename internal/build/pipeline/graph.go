package pipeline

import (
	"slices"
	"strings"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/yamldoc"
)

// needs lists for every step the steps it needs, by position. A wait or block
// that is left out (its branch filter said no) holds nobody back: those below
// it need what it would have needed.
func needs(steps []slipway.Step, leftOut func(i int) bool) [][]int {
	byKey := map[string]int{}
	for i, s := range steps {
		if s.Key != "" {
			byKey[s.Key] = i
		}
	}
	out := make([][]int, len(steps))
	gate := -1 // the nearest wait or block above
	for i, s := range steps {
		switch {
		case s.NoDepends:
		case s.DependsOn != nil:
			for _, key := range s.DependsOn {
				out[i] = append(out[i], byKey[key])
			}
		case s.Kind != slipway.StepCommand:
			for above := range i {
				out[i] = append(out[i], above)
			}
		case gate >= 0:
			out[i] = []int{gate}
		}
		if s.Kind != slipway.StepCommand && !leftOut(i) {
			gate = i
		}
	}
	return out
}

// checkKeys reports keys that are there twice, dependencies on keys that are
// not there, and steps that wait for themselves.
func checkKeys(p *yamldoc.Problems, where []written, steps []slipway.Step) {
	first := map[string]int{}
	var known []string
	for i, s := range steps {
		if s.Key == "" {
			continue
		}
		if j, twice := first[s.Key]; twice {
			p.Add(where[i].at("key"), "the key %q is there twice, first on line %d", s.Key, where[j].at("key").Line)
			continue
		}
		first[s.Key] = i
		known = append(known, s.Key)
	}
	missing := false
	for i, s := range steps {
		for _, key := range s.DependsOn {
			if _, ok := first[key]; !ok {
				missing = true
				p.Add(where[i].at("depends_on"), "depends_on: there is no step with the key %q%s", key, yamldoc.Meant(key, known))
			}
		}
	}
	if missing {
		return
	}
	if circle := findCircle(needs(steps, func(int) bool { return false })); circle != nil {
		var titles []string
		for _, i := range circle {
			titles = append(titles, steps[i].Title())
		}
		p.Add(where[circle[0]].at("depends_on"), "these steps wait for each other: %s", strings.Join(titles, " → "))
	}
}

// findCircle is a way from a step through what it needs back to itself, or nil.
func findCircle(needs [][]int) []int {
	const fresh, open, done = 0, 1, 2
	state := make([]int, len(needs))
	var path []int
	var visit func(i int) []int
	visit = func(i int) []int {
		state[i] = open
		path = append(path, i)
		for _, n := range needs[i] {
			if state[n] == open {
				return append(slices.Clone(path[slices.Index(path, n):]), n)
			}
			if state[n] == fresh {
				if circle := visit(n); circle != nil {
					return circle
				}
			}
		}
		state[i] = done
		path = path[:len(path)-1]
		return nil
	}
	for i := range needs {
		if state[i] == fresh {
			if circle := visit(i); circle != nil {
				return circle
			}
		}
	}
	return nil
}
