package view

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/redact"
)

// Store is what views are made of.
type Store interface {
	Services(context.Context) ([]slipway.Service, error)
	Targets(context.Context) ([]slipway.Target, error)
	Target(context.Context, slipway.TargetID) (slipway.Target, error)
	Deployment(context.Context, slipway.DeploymentID) (slipway.Deployment, error)
	Deployments(context.Context, slipway.DeploymentFilter, int) ([]slipway.Deployment, error)
	Revision(context.Context, slipway.RevisionID) (slipway.Revision, error)
	Release(context.Context, slipway.ServiceName, int) (slipway.Release, error)
	BuildOfTask(context.Context, slipway.TaskID) (slipway.Build, error)
	ReleasesOfBuild(context.Context, slipway.BuildID) ([]slipway.Release, error)
	Environments(context.Context) (slipway.Environments, error)
	Locks(context.Context) ([]slipway.Lock, error)
	Agents(context.Context) ([]slipway.Agent, error)
	// Batches are those of a deployment's evidence behind the first so many.
	Batches(ctx context.Context, d slipway.DeploymentID, behind int) ([][]byte, error)
}

// Groups finds what runs: everything, or an error.
type Groups interface {
	List(context.Context) ([]slipway.GroupStatus, error)
}

// Routes finds what each router says of a target.
type Routes interface {
	Observe(context.Context, slipway.TargetID) ([]slipway.RouteStatus, error)
}

// Output reads what an instance prints.
type Output interface {
	Logs(ctx context.Context, t slipway.TargetID, i slipway.InstanceID, tail int, follow bool) (io.ReadCloser, error)
}

// Jobs knows more of jobs than their build tells. *dispatch.Dispatch is one.
type Jobs interface {
	// Reaches lists the environments to which jobs behind a block may deploy.
	Reaches(b *slipway.Build, block slipway.JobID) []slipway.EnvironmentName
	// Log reads the log of an attempt from offset on, in pieces, and says where
	// to go on: at offset when there is no more now.
	Log(ctx context.Context, job slipway.JobID, attempt int, offset int64) (data []byte, next int64, err error)
	// LogSize is how long the log of a job's newest attempt is now.
	LogSize(ctx context.Context, job slipway.JobID) (int64, error)
}

// Viewer makes views.
type Viewer struct {
	Store     Store
	Groups    Groups
	Observed  func(context.Context, slipway.TargetID) ([]slipway.GroupStatus, error) // groups of one target, with what their instances say and use; nil: Groups is asked
	Routes    Routes
	Output    Output
	Jobs      Jobs
	Hidden    func(context.Context, slipway.JobID) *redact.Set // what the log of a job must not show; nil: it shows all
	URL       string                                           // of the pages: http://127.0.0.1:7070
	RouteHost string                                           // where routes listen; "" means 127.0.0.1

	// Frozen says why an environment is frozen at a moment; "" when it is not.
	Frozen func(slipway.Environment, time.Time) string

	judges judges
}

// found is what drivers and routers said at one moment.
type found struct {
	groups map[slipway.TargetID][]slipway.GroupStatus
	err    error // the drivers could not be asked: what runs is not known
	locks  []slipway.Lock
}

func (v *Viewer) look(ctx context.Context) found {
	all, err := v.Groups.List(ctx)
	f := found{groups: map[slipway.TargetID][]slipway.GroupStatus{}, err: err}
	for _, g := range all {
		f.groups[g.Target] = append(f.groups[g.Target], g)
	}
	f.locks, _ = v.Store.Locks(ctx) // without them the rest is shown
	return f
}

// lookAt looks at one target alone, and closely.
func (v *Viewer) lookAt(ctx context.Context, t slipway.TargetID) found {
	if v.Observed == nil {
		return v.look(ctx)
	}
	groups, err := v.Observed(ctx, t)
	f := found{groups: map[slipway.TargetID][]slipway.GroupStatus{t: groups}, err: err}
	f.locks, _ = v.Store.Locks(ctx) // without them the rest is shown
	return f
}

// routeURL is where a web target is reached.
func (v *Viewer) routeURL(t slipway.Target) string {
	if t.Port == 0 {
		return ""
	}
	host := v.RouteHost
	if host == "" {
		host = "127.0.0.1"
	}
	return fmt.Sprintf("http://%s:%d", host, t.Port)
}

// hide keeps secrets out of the end of a job's log.
func (v *Viewer) hide(ctx context.Context, job slipway.JobID, end []byte) []byte {
	if v.Hidden == nil {
		return end
	}
	return []byte(v.Hidden(ctx, job).Text(string(end)))
}

func (v *Viewer) page(parts ...any) string {
	var b strings.Builder
	b.WriteString(v.URL)
	for _, p := range parts {
		fmt.Fprintf(&b, "/%v", p)
	}
	return b.String()
}

// Actor is who did something.
func Actor(a slipway.Actor) api.Actor {
	return api.Actor{Kind: string(a.Kind), Name: a.Name, For: a.For}
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC())
}

func names[T ~string](all []T) []string {
	out := make([]string, len(all))
	for i, n := range all {
		out[i] = string(n)
	}
	return out
}
