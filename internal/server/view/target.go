package view

import (
	"context"
	"fmt"
	"strings"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// recent is how many deployments of a target are looked through for the one
// that moves it and the newest that ended.
const recent = 20

// Target is a service in an environment. It returns NotFound when nothing was
// ever deployed there.
func (v *Viewer) Target(ctx context.Context, id slipway.TargetID) (api.Target, error) {
	t, err := v.Store.Target(ctx, id)
	if err != nil {
		return api.Target{}, err
	}
	return v.target(ctx, t, v.lookAt(ctx, id))
}

func (v *Viewer) target(ctx context.Context, t slipway.Target, now found) (api.Target, error) {
	routes, routesErr := v.Routes.Observe(ctx, t.ID)
	live, err := v.live(ctx, now.groups[t.ID], routes)
	if err != nil {
		return api.Target{}, err
	}
	shown := api.Target{
		Service: string(t.ID.Service), Environment: string(t.ID.Environment), URL: v.routeURL(t),
		Want: t.Want, Instances: live.instances, Scale: t.Scale, Ailing: t.Ailing, Removing: t.Removing,
		Removed: moment(t.Removed),
	}
	for _, kept := range t.Retained {
		shown.Retained = append(shown.Retained, api.Retained{Group: string(kept.Group), Release: live.releases[kept.Group], Until: kept.Until.UTC()})
	}
	shown.Requests, shown.Errors, shown.Rate = live.requests, live.errors, live.rate
	if err := v.serving(ctx, t, &shown); err != nil {
		return shown, err
	}
	if err := v.movement(ctx, t, live, &shown); err != nil {
		return shown, err
	}
	// While instances are replaced there is one more than is wanted.
	ready := live.ready
	for _, kept := range t.Retained {
		ready -= live.readyIn[kept.Group] // they do not serve
	}
	shown.Ready = min(ready, t.Want)
	shown.Health = health(t, ready)
	shown.Why = live.why
	shown.Lock = covering(now.locks, t.ID)
	switch {
	case now.err != nil:
		shown.Health, shown.Why = "unknown", "what runs cannot be seen now: "+slipway.MessageOf(now.err)
	case routesErr != nil && shown.Why == "":
		shown.Why = "the routers cannot be heard now: " + slipway.MessageOf(routesErr)
	}
	return shown, nil
}

func health(t slipway.Target, ready int) string {
	switch {
	case t.Stable == "":
		return "none"
	case ready >= t.Want:
		return "healthy"
	case ready > 0:
		return "degraded"
	}
	return "down"
}

// serving fills in the release that serves, since when, and who moved it.
func (v *Viewer) serving(ctx context.Context, t slipway.Target, shown *api.Target) error {
	if t.Stable == "" {
		return nil
	}
	d, err := v.Store.Deployment(ctx, t.Stable.Deployment())
	if err != nil {
		return err
	}
	shown.Release, shown.Since, shown.Actor = d.Release, moment(d.FinishedAt), new(Actor(d.Actor))
	r, err := v.Store.Release(ctx, t.ID.Service, d.Release)
	if err != nil {
		return err
	}
	shown.Commit = string(r.Commit)
	return nil
}

// movement fills in the deployment that moves the target and the newest that
// ended.
func (v *Viewer) movement(ctx context.Context, t slipway.Target, l liveness, shown *api.Target) error {
	newest, err := v.Store.Deployments(ctx, slipway.DeploymentFilter{Target: t.ID}, recent)
	if err != nil {
		return err
	}
	for _, d := range newest {
		if d.Phase.Ended() && shown.Last != nil || !d.Phase.Ended() && shown.Moving != nil && d.Phase == slipway.Pending {
			continue
		}
		one, err := v.deployment(ctx, d, l)
		if err != nil {
			return err
		}
		if d.Phase.Ended() {
			shown.Last = &one
			continue
		}
		shown.Moving = &one // one that waits gives way to one that moves
		r, err := v.Store.Revision(ctx, d.Revision)
		if err != nil {
			return err
		}
		e, err := v.weighed(ctx, d, r)
		if err != nil {
			return err
		}
		one.Evidence = brief(e)
	}
	return nil
}

// liveness is what runs of one target.
type liveness struct {
	instances        []api.Instance
	readyIn          map[slipway.GroupID]int
	releases         map[slipway.GroupID]int // that the groups run
	ready            int
	requests, errors uint64
	rate             float64 // requests per second
	why              string  // the first thing that is wrong
}

func (v *Viewer) live(ctx context.Context, groups []slipway.GroupStatus, routes []slipway.RouteStatus) (liveness, error) {
	l := liveness{instances: []api.Instance{}, readyIn: map[slipway.GroupID]int{}, releases: map[slipway.GroupID]int{}}
	inFlight := map[slipway.InstanceID]int{}
	for _, r := range routes {
		l.requests += r.Requests
		l.errors += r.Errors
		l.rate += r.Rate
		for i, n := range r.InFlight {
			inFlight[i] += n
		}
		if r.Why != "" && l.why == "" {
			l.why = r.Why
		}
	}
	for _, g := range groups {
		// A driver may own a group that nobody here remembers.
		revision, err := v.Store.Revision(ctx, g.Revision)
		if err != nil && slipway.CodeOf(err) != slipway.NotFound {
			return l, err
		}
		l.readyIn[g.ID], l.releases[g.ID] = g.Ready(), revision.Release
		l.ready += g.Ready()
		for _, i := range g.Instances {
			shown := instance(g.ID, revision.Release, i)
			shown.InFlight = inFlight[i.ID]
			l.instances = append(l.instances, shown)
			if l.why == "" {
				l.why = trouble(i)
			}
		}
	}
	return l, nil
}

func instance(g slipway.GroupID, release int, i slipway.InstanceStatus) api.Instance {
	shown := api.Instance{
		ID: string(i.ID), Group: string(g), Release: release, Phase: string(i.Phase), Since: moment(i.Since),
		ReadyMS: i.ReadyIn.Milliseconds(), Restarts: i.Restarts, Why: i.Why,
	}
	if i.Addr.IsValid() {
		shown.Address = i.Addr.String()
	}
	if u := i.Uses; u != nil {
		shown.Uses = &api.Uses{CPUMS: u.CPU.Milliseconds(), Busy: u.Busy, Memory: u.Memory}
	}
	if s := i.Said; s != nil {
		shown.Printed = &api.Printed{Warnings: s.Warnings, Errors: s.Errors}
	}
	return shown
}

// trouble says what is wrong with an instance: i-44e restarting (exit 137), 2nd
// time.
func trouble(i slipway.InstanceStatus) string {
	var what string
	switch i.Phase {
	case slipway.InstanceBackoff:
		what = "restarting"
	case slipway.InstanceUnready:
		what = "not ready"
	case slipway.InstanceStarting, slipway.InstanceReady, slipway.InstanceStopping, slipway.InstanceStopped:
		return ""
	}
	text := string(i.ID) + " " + what
	if i.Why != "" {
		text += " (" + strings.TrimSpace(i.Why) + ")"
	}
	if i.Restarts > 1 {
		text += ", " + ordinal(i.Restarts) + " time"
	}
	return text
}

func ordinal(n int) string {
	suffix := "th"
	if n/10%10 != 1 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return fmt.Sprintf("%d%s", n, suffix)
}
