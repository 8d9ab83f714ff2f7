// Package retention decides what is not kept. It is pure: it is given what there
// is, what is needed, the policy and the time.
package retention

import (
	"cmp"
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

// Old are the releases whose images may go as far as age and number say, the
// oldest first: older than the policy keeps, and not among the newest of their
// services. What is needed stays out of it: see [Choose].
func Old(all []slipway.Holding, keep slipway.Keep, now time.Time) []slipway.Holding {
	newest := slices.Clone(all)
	slices.SortFunc(newest, func(a, b slipway.Holding) int { return cmp.Or(cmp.Compare(a.Service, b.Service), b.Number-a.Number) })
	var old []slipway.Holding
	rank := 0
	for i, h := range newest {
		if rank++; i == 0 || newest[i-1].Service != h.Service {
			rank = 1
		}
		if rank > max(keep.Releases, 1) && now.Sub(h.CreatedAt) > keep.Age {
			old = append(old, h)
		}
	}
	slices.SortFunc(old, func(a, b slipway.Holding) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.Service, b.Service), a.Number-b.Number)
	})
	return old
}

// Choose picks those of old whose images go: no target needs them, and no release
// that stays has the same image.
func Choose(all, old []slipway.Holding, uses []slipway.Use) []slipway.Holding {
	type release struct {
		service slipway.ServiceName
		number  int
	}
	goes := map[release]bool{}
	for _, h := range old {
		goes[release{h.Service, h.Number}] = true
	}
	for _, u := range uses {
		delete(goes, release{u.Target.Service, u.Release})
	}
	stays := map[slipway.Digest]bool{}
	for _, h := range all {
		if !goes[release{h.Service, h.Number}] {
			stays[h.Image] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(old), func(h slipway.Holding) bool {
		return !goes[release{h.Service, h.Number}] || stays[h.Image]
	})
}

// Events are the numbers of those events that go: older than the policy keeps,
// and neither of a build whose release is kept nor of a deployment that is
// needed.
func Events(some []slipway.Event, kept []slipway.Holding, uses []slipway.Use, keep slipway.Keep, now time.Time) []int64 {
	builds, deployments := map[string]bool{"": false}, map[slipway.DeploymentID]bool{}
	for _, h := range kept {
		builds[h.BuildSlug] = h.BuildSlug != ""
	}
	for _, u := range uses {
		deployments[u.Deployment] = u.Deployment != 0
	}
	var gone []int64
	for _, e := range some {
		if now.Sub(e.At) > keep.Logs && !builds[e.Build] && !deployments[e.Deployment] {
			gone = append(gone, e.Seq)
		}
	}
	return gone
}

// Agents are those that were not heard of for longer than the policy says.
func Agents(all []slipway.Agent, keep slipway.Keep, now time.Time) []slipway.AgentID {
	var gone []slipway.AgentID
	for _, a := range all {
		if a.State != slipway.AgentConnected && now.Sub(a.LastSeen) > keep.Agents {
			gone = append(gone, a.ID)
		}
	}
	return gone
}
