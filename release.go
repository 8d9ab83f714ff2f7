package slipway

import (
	"fmt"
	"time"
)

// Release is immutable: a service's image with the manifest of its commit. It
// is numbered per service and moves unchanged through the environments.
type Release struct {
	Service    ServiceName
	Number     int // from 1
	Repository RepositoryName
	Commit     Commit
	Subject    string // first line of the commit's message
	Image      Digest
	Manifest   Manifest
	Build      BuildID // "" when not published by a build
	BuildSlug  string  // thoughts-backend/12
	Actor      Actor
	CreatedAt  time.Time
	Pruned     time.Time `json:",omitzero"` // since when its image is not kept any more; zero: it is
}

// CheckImage reports a Conflict when the image of r was removed.
func (r Release) CheckImage() error {
	if r.Pruned.IsZero() {
		return nil
	}
	return Errorf(Conflict, "the image of %s was removed on %s by policy", r, r.Pruned.UTC().Format(time.DateOnly)).
		Do("build its commit %s again", r.Commit.Short())
}

func (r Release) String() string { return ReleaseName(r.Service, r.Number) }

// ReleaseName is how people write a release: thoughts-backend@14.
func ReleaseName(s ServiceName, number int) string { return fmt.Sprintf("%s@%d", s, number) }

// Service is a deployable microservice.
type Service struct {
	Name       ServiceName
	Repository RepositoryName
	Owner      string
	Kind       Kind
	CreatedAt  time.Time
}
