package slipway

import "time"

// Keep says what is kept at least; what is not kept may go.
type Keep struct {
	Releases    int           // newest of each service whose images are kept
	Age         time.Duration // images of releases, and what is tagged, younger than this are kept
	Deployments int           // revisions deployed last to each target whose images are kept
	Logs        time.Duration // logs of jobs, events, and evidence, younger than this are kept
	Agents      time.Duration // agents that were heard of since are kept
}

// DefaultKeep holds until people say otherwise.
var DefaultKeep = Keep{Releases: 20, Age: 30 * day, Deployments: 10, Logs: 180 * day, Agents: 30 * day}

const day = 24 * time.Hour

// Holding is a release whose image is here, as far as keeping it goes.
type Holding struct {
	Service   ServiceName
	Number    int
	Image     Digest
	BuildSlug string // thoughts-backend/12; "" when no build published it
	CreatedAt time.Time
}

func (h Holding) String() string { return ReleaseName(h.Service, h.Number) }

// Use is a deployment by which a target needs the image of a release: of what
// runs or is about to, or of what people may want back.
type Use struct {
	Target     TargetID
	Release    int
	Deployment DeploymentID
}

// Removal is what a collection removed, or would.
type Removal struct {
	Releases []Holding // whose images went
	Images   int       // manifests and indexes
	Tags     int
	Blobs    int // layers and configurations
	Trees    int // unpacked images
	Logs     int // of jobs
	Events   int
	Evidence int // of deployments
	Agents   int
	Bytes    int64 // freed on the disk
	More     bool  // there is more than one collection takes
	Dry      bool  // would be
}

// IsNothing reports whether nothing was removed.
func (r Removal) IsNothing() bool {
	return len(r.Releases)+r.Images+r.Tags+r.Blobs+r.Trees+r.Logs+r.Events+r.Evidence+r.Agents == 0
}
