package api

import (
	"context"
	"net/http"
	"time"
)

// Prune asks that what is not kept is removed.
type Prune struct {
	DryRun bool `json:"dry_run,omitempty"` // only tell what would be
}

// Pruned is what was removed, or would be.
type Pruned struct {
	DryRun   bool            `json:"dry_run"`
	Keep     Keep            `json:"keep"`
	Releases []PrunedRelease `json:"releases"` // whose images are gone; they stay as history
	Images   int             `json:"images"`   // manifests and indexes
	Tags     int             `json:"tags"`
	Blobs    int             `json:"blobs"`
	Trees    int             `json:"trees"` // unpacked images
	Logs     int             `json:"logs"`  // of jobs
	Events   int             `json:"events"`
	Evidence int             `json:"evidence"` // of deployments
	Agents   int             `json:"agents"`
	Bytes    int64           `json:"bytes"` // freed on the disk
	More     bool            `json:"more"`  // there is more than one call takes
}

// PrunedRelease is a release whose image is not kept.
type PrunedRelease struct {
	Service   string    `json:"service"`
	Number    int       `json:"number"`
	Image     string    `json:"image"` // digest
	CreatedAt time.Time `json:"created_at"`
}

// Keep is the policy: what is kept at least.
type Keep struct {
	Releases    int   `json:"releases"`    // newest of each service
	Deployments int   `json:"deployments"` // revisions deployed last to each target
	AgeMS       int64 `json:"age_ms"`      // releases younger than this
	LogsMS      int64 `json:"logs_ms"`     // logs of jobs, and events, younger than this
	AgentsMS    int64 `json:"agents_ms"`   // agents heard of since
}

// Prune removes what is not kept, or with dryRun tells what would be.
func (c *Client) Prune(ctx context.Context, dryRun bool) (Pruned, error) {
	return call[Pruned](ctx, c, http.MethodPost, path("prune"), nil, Prune{DryRun: dryRun})
}
