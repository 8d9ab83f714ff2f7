package slipway

import (
	"cmp"
	"maps"
	"time"
)

// Kind says what a service is.
type Kind string

const (
	Web    Kind = "web"    // takes traffic: has a port and a route
	Worker Kind = "worker" // takes work: no port, no weights
)

// Manifest is a service's slipway.yaml, read and checked. A release pins the
// one of its commit.
type Manifest struct {
	Service      ServiceName
	Kind         Kind
	Owner        string
	Image        ImageSource
	Run          Run
	Health       Health
	Needs        []Need                        // sorted by service
	Environments map[EnvironmentName]Placement // that it names; see In
}

// ImageSource says what the image is made of.
type ImageSource struct {
	Static *StaticImage // made without a daemon, of files that the job built
}

// StaticImage is an image of built files and an entry point.
type StaticImage struct {
	Files      []ImageFile
	Entrypoint []string
}

// ImageFile is a file or a folder of the checkout, put into the image.
type ImageFile struct {
	From string // relative to the manifest
	To   string // absolute, in the image
	Mode uint32 // permission bits; 0 keeps the execute bit of the file, else 0644
}

// Run says how an instance is started and stopped.
type Run struct {
	Command   []string          // replaces the image's entry point when not empty
	Port      int               // web: what it listens on; given as $PORT where the driver picks one
	Env       map[string]string // of the service, then of the environment
	Secrets   []SecretUse       `json:",omitempty"`
	Protocol  Protocol          `json:",omitempty"` // web: what its port speaks; "" is http1
	Sticky    bool              `json:",omitempty"` // web: a browser stays with the group that it was first sent to
	Passive   bool              `json:",omitempty"` // worker: can be started passive, and told to take work
	Drain     time.Duration     // requests in flight and streams may take this long to finish
	StopGrace time.Duration     // between SIGTERM and SIGKILL
}

// Protocol is what an instance speaks on its port.
type Protocol string

const (
	HTTP1 Protocol = "http1"
	H2C   Protocol = "h2c" // HTTP/2 without TLS, by prior knowledge
)

// SecretUse is a secret that an instance wants, and how it gets it.
type SecretUse struct {
	Name string
	File bool // a file whose path is in the variable Name_FILE; else the variable Name itself
}

// Health says when an instance is fit to serve.
type Health struct {
	Startup   *Probe  `json:",omitempty"` // until it has passed the others do not run; nil: passed at once
	Ready     *Probe  // nil: listening (web), alive for a second (worker)
	Live      *Probe  // nil: alive
	Preflight []Check `json:",omitempty"` // what an instance needs around it before it may become ready
	Deadline  time.Duration
}

// Probe is one check of an instance. Exactly one of HTTP, TCP, Exec and GRPC
// says how it is asked. Period, Timeout, Successes and Failures mean what they
// mean to a kubelet; zero is the default.
type Probe struct {
	HTTP      string        `json:",omitempty"` // path to GET; 2xx and 3xx pass
	TCP       bool          `json:",omitempty"` // it accepts a connection
	Exec      []string      `json:",omitempty"` // a command in the instance's environment; exit 0 passes
	GRPC      *string       `json:",omitempty"` // grpc.health.v1 of this service name; "" is the server itself
	Delay     time.Duration `json:",omitempty"` // after the start, before the first
	Period    time.Duration `json:",omitempty"` // between two; before the first success it is polled faster
	Timeout   time.Duration `json:",omitempty"` // of one
	Successes int           `json:",omitempty"` // in a row before it passes again; readiness only
	Failures  int           // in a row before it counts, at least 1
}

// Check is one thing that an instance needs around it. Exactly one field beside
// Name is set. A value may name variables of the instance: ${REDIS_URL}.
type Check struct {
	Name     string `json:",omitempty"`
	TCP      string `json:",omitempty"` // host:port that accepts a connection
	HTTP     string `json:",omitempty"` // URL that answers 2xx or 3xx
	Redis    string `json:",omitempty"` // redis://… that answers ECHO
	AMQP     string `json:",omitempty"` // amqp://… where a connection and a channel open
	Postgres string `json:",omitempty"` // postgres://… that answers SELECT 1
	S3       string `json:",omitempty"` // s3://BUCKET/PREFIX where a marker object can be put, got and deleted
}

// Need is another service that this one calls. Its instances get the address
// of that service's route in the same environment.
type Need struct {
	Service ServiceName
	AtLeast int // smallest release number that will do; 0: any
}

// Placement is how a service runs in one environment. What is zero is left
// open.
type Placement struct {
	Replicas int
	Rollout
	Env map[string]string
}

// In is how the service runs in e: as the manifest says; what that leaves open
// as the environment says; else one instance, rolling. A strategy of the
// environment that the service's kind cannot have is passed over.
func (m Manifest) In(e Environment) Placement {
	place := m.Environments[e.Name]
	place.Replicas = cmp.Or(place.Replicas, e.Defaults.Replicas, 1)
	if place.Strategy == "" && m.canHave(e.Defaults.Rollout) {
		place.Rollout = e.Defaults.Rollout
	}
	place.Strategy = cmp.Or(place.Strategy, Rolling)
	if m.Kind == Worker {
		place.Preview = nil // it has no address to test at
	}
	env := map[string]string{}
	maps.Copy(env, e.Defaults.Env)
	maps.Copy(env, place.Env)
	place.Env = env
	return place
}

func (m Manifest) canHave(r Rollout) bool {
	return m.Kind == Web || r.Strategy != Canary || m.Run.Passive
}

// Defaults of a manifest, and its bounds.
const (
	DefaultDrain     = 30 * time.Second
	DefaultStopGrace = 10 * time.Second
	DefaultDeadline  = 30 * time.Second
	MaxReplicas      = 1000
)
