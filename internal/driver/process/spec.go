package process

import (
	"net/netip"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/cgroup"
	"github.com/slipway-cd/slipway/internal/procid"
)

// Spec is what an instance is, fixed when it is made: the file spec.json in its
// directory. Its name and its port are reserved for as long as that exists.
type Spec struct {
	ID        slipway.InstanceID
	Target    slipway.TargetID
	Group     slipway.GroupID
	Revision  slipway.RevisionID
	Fence     slipway.Fence // of the call that made it
	Active    bool          // when it was made
	Passive   bool          `json:",omitempty"` // it can be told to take work, or none
	CreatedAt time.Time

	Tree      string   // the directory of its image below trees/
	Entry     string   // the program, inside the image's files
	Argv      []string // as the program sees it
	Workdir   string   // inside the image's files
	Env       []string // what does not depend on where the data directory is
	Port      int      // 0 for workers
	Health    slipway.Health
	Drain     time.Duration // how long requests in flight may take
	StopGrace time.Duration
	Socket    string       // where its shim listens
	Secrets   []Given      `json:",omitempty"` // whose values are nowhere here
	SecretDir string       `json:",omitempty"` // of those that are files
	Mark      string       // unguessable, in the environment of its processes: finds those that left its process group
	Cgroup    cgroup.Group // that its processes are in, wherever they went; none where there are none
}

// Addr is where the instance is reached; zero for workers.
func (s Spec) Addr() netip.AddrPort {
	if s.Port == 0 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(loopback, uint16(s.Port))
}

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// Report is what a shim knows of its instance. It is the file state in the
// instance's directory, and what the shim sends to whoever listens.
type Report struct {
	Phase     slipway.InstancePhase
	EverReady bool
	Since     time.Time
	ReadyIn   time.Duration
	RetryAt   time.Time
	Restarts  int
	Failures  int  // exits in a row without having been ready for a while
	Active    bool // it was told to take work; of those that can be told
	Why       string

	Shim      procid.ID
	Child     procid.ID // that runs, or the last that ran
	StartedAt time.Time // of Child
	Dir       string    // where the instance's directory was when the child started
	Launching bool      // a child may exist that is not in Child yet
}

// order is the file stop in an instance's directory: it is to end, for good.
type order struct {
	Instance slipway.InstanceID
	Fence    slipway.Fence
}

// Names in an instance's directory.
const (
	specFile     = "spec.json"
	stateFile    = "state"
	stopFile     = "stop"
	lockName     = "lock"
	activityFile = "activity"
	activeFile   = "active" // what the instance reads
	logFile      = "out.log"
	timesFile    = "out.times"
	saidFile     = "out.said"
	shimLog      = "shim.log"
	homeDir      = "home"
	tempDir      = "tmp"
)

// now is in UTC, so that a time that was written and read is the same value.
func now() time.Time { return time.Now().UTC().Round(0) }
