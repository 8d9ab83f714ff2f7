package view

import (
	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// Pruned shows what was removed, or would be, and by which policy.
func Pruned(r slipway.Removal, k slipway.Keep) api.Pruned {
	p := api.Pruned{
		DryRun: r.Dry, Releases: []api.PrunedRelease{}, Images: r.Images, Tags: r.Tags, Blobs: r.Blobs, Trees: r.Trees,
		Logs: r.Logs, Events: r.Events, Evidence: r.Evidence, Agents: r.Agents, Bytes: r.Bytes, More: r.More,
		Keep: api.Keep{
			Releases: k.Releases, Deployments: k.Deployments,
			AgeMS: k.Age.Milliseconds(), LogsMS: k.Logs.Milliseconds(), AgentsMS: k.Agents.Milliseconds(),
		},
	}
	for _, h := range r.Releases {
		p.Releases = append(p.Releases, api.PrunedRelease{Service: string(h.Service), Number: h.Number, Image: string(h.Image), CreatedAt: h.CreatedAt.UTC()})
	}
	return p
}
