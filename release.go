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
