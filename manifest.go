package slipway

import "time"

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
	Needs        []Need // sorted by service
	Environments map[EnvironmentName]Placement
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
	Drain     time.Duration     // requests in flight and streams may take this long to finish
	StopGrace time.Duration     // between SIGTERM and SIGKILL
}

// Health says when an instance is fit to serve.
type Health struct {
	Ready    *Probe // nil: listening (web), alive for a second (worker)
	Live     *Probe // nil: alive
	Deadline time.Duration
}

// Probe is one check of an instance.
type Probe struct {
	HTTP     string // path to GET; 2xx and 3xx pass
	Failures int    // in a row before it counts, at least 1
}

// Need is another service that this one calls. Its instances get the address
// of that service's route in the same environment.
type Need struct {
	Service ServiceName
	AtLeast int // smallest release number that will do; 0: any
}

// Placement is how a service runs in one environment.
type Placement struct {
	Replicas int
	Strategy Strategy
	Env      map[string]string
}

// Strategy names how a deployment moves from the old group to the new. It
// compiles to stages; only the compiler knows strategies.
type Strategy string

const (
	Rolling  Strategy = "rolling"  // instance by instance, the new one first
	Recreate Strategy = "recreate" // the old ones end, then the new ones start
)

// Defaults of a manifest, and its bounds.
const (
	DefaultDrain     = 30 * time.Second
	DefaultStopGrace = 10 * time.Second
	DefaultDeadline  = 30 * time.Second
	MaxReplicas      = 1000
)
