package manifest

import (
	"slices"

	"github.com/slipway-cd/slipway"
)

// checkWay holds previous to a way that begins somewhere.
func (r *declared) checkWay() {
	var names []string
	for _, e := range r.all {
		names = append(names, string(e.Name))
	}
	for _, e := range r.all {
		if e.Previous == "" {
			continue
		}
		if _, err := r.all.Find(e.Previous); err != nil {
			r.Add(r.where(e.Name, "previous"), "no environment %q%s", e.Previous, meantOf(string(e.Previous), names))
			continue
		}
		if r.circles(e.Name) {
			r.Add(r.where(e.Name, "previous"), "%s comes after itself, by way of %s; a release has to begin somewhere", e.Name, e.Previous)
		}
	}
}

// circles reports whether the way back from an environment leads to it again.
func (r *declared) circles(from slipway.EnvironmentName) bool {
	at := from
	for range r.all {
		e, err := r.all.Find(at)
		if err != nil || e.Previous == "" {
			return false
		}
		if at = e.Previous; at == from {
			return true
		}
	}
	return false
}

// checkShared tells which environments have what only one can have.
func (r *declared) checkShared(key string, of func(slipway.Environment) string, problem string) {
	first := map[string]slipway.EnvironmentName{}
	for _, e := range r.all {
		value := of(e)
		if owner, taken := first[value]; taken && value != "" {
			r.Add(r.where(e.Name, key), key+" of %s: "+problem, e.Name, owner)
			continue
		}
		first[value] = e.Name
	}
}

// inOrder puts each environment behind the one before it, else as they are
// written.
func (r *declared) inOrder() slipway.Environments {
	var ordered slipway.Environments
	left := slices.Clone(r.all)
	for len(left) > 0 {
		i := slices.IndexFunc(left, func(e slipway.Environment) bool {
			_, err := ordered.Find(e.Previous)
			return e.Previous == "" || err == nil
		})
		ordered = append(ordered, left[i])
		left = slices.Delete(left, i, i+1)
	}
	return ordered
}
