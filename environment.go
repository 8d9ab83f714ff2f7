package slipway

import (
	"strings"
	"time"
)

// Environment is where services run. The order of environments is the way a
// release travels.
type Environment struct {
	Name      EnvironmentName
	Previous  EnvironmentName // where a release must be live first; "" for the first
	Driver    string          // process
	Queue     Queue           // whose jobs may deploy here, from the default branch
	Listener  *Listener       `json:",omitempty"` // where services are reached by name; nil: by their ports only
	Protected bool            `json:",omitempty"` // refused where jobs and instances share a user with the server
	Approvals Approvals       `json:",omitzero"`
	Freezes   []Freeze        `json:",omitempty"`
	Defaults  Placement       `json:",omitzero"` // of services that do not say how they run here
}

// Listener is one address of an environment's routers. A service answers there
// at SERVICE.Domain, and with TLS when there is a certificate.
type Listener struct {
	Address string // HOST:PORT
	Domain  string // prod.example.com
	Cert    string `json:",omitempty"` // files on the routers' machines, read again when they change
	Key     string `json:",omitempty"`
}

// Approvals say who has to agree before a deployment starts.
type Approvals struct {
	Count     int  // people; 0: none is needed
	Role      Role // that they have, or a stronger one
	NotAuthor bool // none of them pushed the commit or asked for the deployment
}

// Freeze is a time in which no deployment starts: once, or each week.
type Freeze struct {
	Why    string
	Zone   string    // IANA name, by which the weekly times are meant; "" is UTC
	From   time.Time `json:",omitzero"` // once
	Until  time.Time `json:",omitzero"`
	Weekly *Weekly   `json:",omitempty"`
}

// Weekly is a part of each week, from one moment up to another, over the end of
// the week if need be.
type Weekly struct {
	From, Until Moment
}

// Moment is a time of the week.
type Moment struct {
	Day    time.Weekday
	Minute int // of the day, 0 to 1439
}

// Environments are all environments, in the order a release travels.
type Environments []Environment

// BuiltinEnvironments are there until others are declared.
var BuiltinEnvironments = Environments{
	{Name: "test", Driver: "process", Queue: "test"},
	{Name: "prod", Previous: "test", Driver: "process", Queue: "production"},
}

// Way is how a release travels through the environments.
func (es Environments) Way() []Passage {
	var way []Passage
	for _, e := range es {
		way = append(way, Passage{To: e.Name, From: e.Previous})
	}
	return way
}

// Find reports a NotFound error that lists the known ones.
func (es Environments) Find(name EnvironmentName) (Environment, error) {
	var known []string
	for _, e := range es {
		if e.Name == name {
			return e, nil
		}
		known = append(known, string(e.Name))
	}
	return Environment{}, Errorf(NotFound, "no environment %q; there are %s", name, strings.Join(known, ", "))
}

// PlatformRepository is the repository that declares the environments: what is
// pushed to its default branch is applied. Only administrators push to it.
const PlatformRepository RepositoryName = "platform"

// EnvironmentsFile lies at the root of the platform repository.
const EnvironmentsFile = "environments.yaml"

// Declaration is one version of the environments, as a person or a push
// declared them.
type Declaration struct {
	Version      int // from 1; 0 are the builtin ones
	Environments Environments
	Source       string // the text of environments.yaml
	Commit       Commit // of the platform repository; "" when it was applied by hand
	Actor        Actor
	At           time.Time
}
