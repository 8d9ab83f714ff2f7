package slipway

import (
	"fmt"
	"strconv"
	"strings"
)

// Names that people choose. They are checked by their Validate methods and are
// safe in file names, URLs and host names.
type (
	RepositoryName  string // thoughts-backend
	ServiceName     string // thoughts-backend
	EnvironmentName string // test, prod
	Queue           string // test, production, prod-corp:default
)

// Identities that Slipway makes. Build, job, attempt and agent IDs are UUIDv7
// strings: they sort by time, and stock agents expect UUIDs.
type (
	BuildID    string
	JobID      string
	AgentID    string
	RouterID   string
	InstanceID string // i-7f2a90: made by the driver, unique within it
	RevisionID string
	GateID     string
	ActionID   string
)

// DeploymentID counts deployments of this installation from 1; people see it
// as "deployment 77".
type DeploymentID int64

func (d DeploymentID) String() string { return strconv.FormatInt(int64(d), 10) }

// GroupID names the instances that one deployment made: g77 for deployment 77.
type GroupID string

// GroupOf is the group that deployment d makes.
func GroupOf(d DeploymentID) GroupID { return GroupID("g" + d.String()) }

// Deployment is the deployment that made the group; 0 when no deployment did.
func (g GroupID) Deployment() DeploymentID {
	n, err := strconv.ParseInt(strings.TrimPrefix(string(g), "g"), 10, 64)
	if err != nil || GroupOf(DeploymentID(n)) != g {
		return 0
	}
	return DeploymentID(n)
}

// Commit is a full hexadecimal git object name.
type Commit string

// Short is what people read: the first seven digits.
func (c Commit) Short() string {
	if len(c) > 7 {
		return string(c[:7])
	}
	return string(c)
}

// Valid reports whether c is 40 or 64 lower-case hexadecimal digits.
func (c Commit) Valid() bool { return (len(c) == 40 || len(c) == 64) && isHex(string(c)) }

// IsZero reports whether c is git's all-zero name, which stands for "no
// commit": a ref that is created or deleted.
func (c Commit) IsZero() bool { return strings.Trim(string(c), "0") == "" }

// Digest identifies an image by its content: "sha256:" and 64 hexadecimal digits.
type Digest string

// Short is what people read.
func (d Digest) Short() string {
	if len(d) < len("sha256:")+12 {
		return string(d)
	}
	return string(d[:len("sha256:")+4]) + "…" + string(d[len(d)-2:])
}

// Valid reports whether d is a well-formed sha256 digest.
func (d Digest) Valid() bool {
	h, ok := strings.CutPrefix(string(d), "sha256:")
	return ok && len(h) == 64 && isHex(h)
}

// TargetID names a service in an environment.
type TargetID struct {
	Service     ServiceName
	Environment EnvironmentName
}

func (t TargetID) String() string { return string(t.Service) + "/" + string(t.Environment) }

// ParseTargetID reads what TargetID.String wrote.
func ParseTargetID(s string) (TargetID, error) {
	service, env, ok := strings.Cut(s, "/")
	if !ok || service == "" || env == "" {
		return TargetID{}, Errorf(Invalid, "%q is not a target; write SERVICE/ENVIRONMENT", s)
	}
	return TargetID{ServiceName(service), EnvironmentName(env)}, nil
}

// Fence orders those who act on a target. Every call that changes what runs or
// what is routed carries one; the executor persists the highest it has seen per
// target and refuses lower ones, so that a stale owner cannot act.
//
// Epoch changes when the database is restored or fails over; Generation counts
// the commits of one target's state and never restarts within an epoch.
type Fence struct {
	Epoch      uint64
	Generation uint64
}

// Less reports whether f is older than g.
func (f Fence) Less(g Fence) bool {
	return f.Epoch < g.Epoch || f.Epoch == g.Epoch && f.Generation < g.Generation
}

// Next is the fence after one more commit.
func (f Fence) Next() Fence { return Fence{f.Epoch, f.Generation + 1} }

func (f Fence) String() string { return fmt.Sprintf("%d.%d", f.Epoch, f.Generation) }

const maxName = 63

// validName holds every name to DNS labels: lower-case letters, digits and
// inner hyphens, so that it can stand in a host name, a path or a variable.
func validName(what, s string) error {
	ok := s != "" && len(s) <= maxName && s[0] != '-' && s[len(s)-1] != '-'
	for i := 0; ok && i < len(s); i++ {
		c := s[i]
		ok = c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-'
	}
	if !ok {
		return Errorf(Invalid, "%q cannot name %s; use 1 to %d lower-case letters, digits and inner hyphens", s, what, maxName)
	}
	return nil
}

// Validate reports an Invalid error when n cannot name a repository.
func (n RepositoryName) Validate() error { return validName("a repository", string(n)) }

// Validate reports an Invalid error when n cannot name a service.
func (n ServiceName) Validate() error { return validName("a service", string(n)) }

// Validate reports an Invalid error when n cannot name an environment.
func (n EnvironmentName) Validate() error { return validName("an environment", string(n)) }

// Validate reports an Invalid error when r cannot name a router.
func (r RouterID) Validate() error { return validName("a router", string(r)) }

// Validate reports an Invalid error when q cannot name a queue.
func (q Queue) Validate() error {
	for part := range strings.SplitSeq(string(q), ":") {
		if err := validName("a queue", part); err != nil {
			return err
		}
	}
	return nil
}

func isHex(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
