package slipway

import (
	"fmt"
	"strings"
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

// Environment is where services run. The order of environments is the way a
// release travels.
type Environment struct {
	Name     EnvironmentName
	Previous EnvironmentName // where a release must be live first; "" for the first
	Driver   string          // process
	Queue    Queue           // whose jobs may deploy here, from the default branch
}

// Environments that exist until they can be declared, in the order a release
// travels.
var Environments = []Environment{
	{Name: "test", Driver: "process", Queue: "test"},
	{Name: "prod", Previous: "test", Driver: "process", Queue: "production"},
}

// FindEnvironment reports a NotFound error that lists the known ones.
func FindEnvironment(name EnvironmentName) (Environment, error) {
	var known []string
	for _, e := range Environments {
		if e.Name == name {
			return e, nil
		}
		known = append(known, string(e.Name))
	}
	return Environment{}, Errorf(NotFound, "no environment %q; there are %s", name, strings.Join(known, ", "))
}
