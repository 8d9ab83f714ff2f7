package rollout_test

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/rollout"
)

// TestStories reads what planning looks like from outside. The files are told
// in commands:
//
//	target   what is there at the beginning: kind=, release=, want=, strategy=
//	deploy   asks for release=, want=, strategy= and what it leaves open: surge=, step=, weights=, instances=,
//	         detach=, hold=, bake=, keep=, preview=, deadline=; needs=yes adds a gate before the start,
//	         evidence=yes one behind every hold
//	gate     says what the gate says: pass, wait, inconclusive, fail, or replace with instance=; of=evidence the one of a stage
//	promote  a person lets the stage pass
//	plan     plans, commits and acts; after=DURATION lets time go by before
//	commit   plans and commits, but dies before it acts
//	ready, unready, crash, start, stopped   tell what an instance does
//	ack      routers have the newest route; router= picks one
//	flight   requests in flight, as i-1=2
//	refuse   the driver refuses a group for good
//	run      goes on, with everybody quick and willing, until nothing is left to do
//	abort    a person asks for it
//	scale    a person asks for want=
//	remove   a person asks that nothing of it runs any more
//	task     says how far the tests before traffic are: waiting, running, passed, failed
//	lapse    a router has not heard of the server and takes the old group; hear takes that back
//	gone     all routers have provably ended; register tells of a new one
//	restore  the database is as it was at the last "backup"; the epoch changes
//	state    prints what there is
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := newStory()
		datadriven.RunTest(t, path, func(t *testing.T, td *datadriven.TestData) string {
			return s.tell(t, td)
		})
	})
}

// story is a world in which only happens what is told.
type story struct {
	state    slipway.State
	revision slipway.Revision
	verdicts map[slipway.GateID]slipway.Verdict
	evidence bool // it is looked at behind every hold
	now      time.Time
	groups   []slipway.GroupStatus
	route    *slipway.Route
	routers  []slipway.RouteStatus
	troubles map[slipway.GroupID]slipway.Trouble
	tasks    map[slipway.TaskID]slipway.TaskStatus
	count    int // instances so far
	asked    int // deployments so far
	backup   slipway.State
	out      strings.Builder
}

func newStory() *story {
	return &story{
		now:      time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC),
		troubles: map[slipway.GroupID]slipway.Trouble{},
		verdicts: map[slipway.GateID]slipway.Verdict{},
		tasks:    map[slipway.TaskID]slipway.TaskStatus{},
	}
}

func (s *story) tell(t *testing.T, td *datadriven.TestData) string {
	s.out.Reset()
	if td.HasArg("after") {
		s.now = s.now.Add(duration(t, td, "after"))
	}
	switch td.Cmd {
	case "target":
		s.target(t, td)
	case "deploy":
		s.deploy(t, td)
	case "gate":
		gate := slipway.GateID(text(t, td, "of", "needs"))
		s.verdicts[gate] = slipway.Verdict{
			State: slipway.VerdictState(td.CmdArgs[0].Key), Why: td.Input, Instance: slipway.InstanceID(text(t, td, "instance", "")),
		}
	case "promote":
		s.state.Deployment.Promoted = s.state.Deployment.At + 1
	case "plan":
		s.act(s.plan().Actions)
	case "commit":
		s.plan()
	case "run":
		s.run()
	case "ready", "unready", "crash", "start", "stopped":
		for _, arg := range td.CmdArgs {
			if arg.Key != "after" {
				s.change(slipway.InstanceID(arg.Key), td.Cmd, td.Input)
			}
		}
	case "ack":
		s.ack(td)
	case "flight":
		for i := range s.routers {
			s.routers[i].InFlight = map[slipway.InstanceID]int{slipway.InstanceID(td.CmdArgs[0].Key): number(t, td, td.CmdArgs[0].Key)}
		}
	case "refuse":
		s.troubles[slipway.GroupID(td.CmdArgs[0].Key)] = slipway.Trouble{Permanent: true, Why: td.Input}
	case "abort":
		s.state.Deployment.Asked = slipway.AskedAbort
	case "scale":
		s.state.Target.Asked = number(t, td, "want")
		s.state.Target.Scale = s.state.Target.Asked
	case "remove":
		s.state.Target.Removing = true
	case "task":
		for id := range s.tasks {
			s.tasks[id] = slipway.TaskStatus{State: slipway.TaskState(td.CmdArgs[0].Key), Why: td.Input}
		}
	case "lapse", "hear":
		for i := range s.routers {
			s.routers[i].Lapsed = td.Cmd == "lapse"
		}
	case "gone":
		s.routers = nil
	case "register":
		s.register(td.CmdArgs[0].Key)
	case "backup":
		s.backup = s.state
	case "restore":
		s.restore()
	case "state":
		s.print()
	default:
		t.Fatalf("%s: no command %q", td.Pos, td.Cmd)
	}
	return s.out.String()
}

func (s *story) target(t *testing.T, td *datadriven.TestData) {
	kind := slipway.Kind(text(t, td, "kind", "web"))
	s.state = slipway.State{
		Target: slipway.Target{ID: slipway.TargetID{Service: "thoughts", Environment: "prod"}, Kind: kind, Port: 7100, Preview: 7190, Fence: slipway.Fence{Epoch: 1, Generation: 1}},
		Specs:  map[slipway.GroupID]slipway.GroupSpec{}, Draining: map[slipway.InstanceID]slipway.Drain{},
	}
	if kind == slipway.Web {
		s.register(text(t, td, "routers", "r1"))
	}
	if !td.HasArg("release") {
		return
	}
	s.state.Target.Stable, s.state.Target.Want = "g1", number(t, td, "want")
	s.state.Specs["g1"] = slipway.GroupSpec{ID: "g1", Target: s.state.Target.ID, Revision: s.revise(t, td), Replicas: s.state.Target.Want, Active: true}
	s.run()
	s.out.Reset()
}

func (s *story) register(routers string) {
	for r := range strings.FieldsSeq(routers) {
		s.routers = append(s.routers, slipway.RouteStatus{Router: slipway.RouterID(r)})
	}
}

func (s *story) deploy(t *testing.T, td *datadriven.TestData) {
	s.revision = s.revise(t, td)
	s.asked++
	id := slipway.DeploymentID(1 + s.asked)
	s.state.Deployment = &slipway.Deployment{
		ID: id, Target: s.state.Target.ID, Kind: slipway.KindDeploy, Release: s.revision.Release, Revision: s.revision.ID,
		Phase: slipway.Pending, Candidate: slipway.GroupOf(id), Want: number(t, td, "want"), Written: number(t, td, "want"),
	}
	s.evidence = td.HasArg("evidence")
	if td.HasArg("needs") {
		s.state.Deployment.Gates = []slipway.GateID{"needs"}
	}
}

func (s *story) revise(t *testing.T, td *datadriven.TestData) slipway.Revision {
	n := number(t, td, "release")
	if again := text(t, td, "revision", ""); again != "" {
		return s.state.Specs[slipway.GroupID(again)].Revision
	}
	return slipway.Revision{
		ID: slipway.RevisionID(fmt.Sprintf("r-%d", n)), Release: n, Kind: s.state.Target.Kind,
		Rollout: manner(t, td),
		Health:  slipway.Health{Deadline: deadline(t, td)},
		Run:     slipway.Run{Drain: 30 * time.Second, Passive: td.HasArg("passive")},
	}
}

// deadline is 30 s where nothing else is said.
func deadline(t *testing.T, td *datadriven.TestData) time.Duration {
	if td.HasArg("deadline") {
		return duration(t, td, "deadline")
	}
	return 30 * time.Second
}

// manner reads how to roll out.
func manner(t *testing.T, td *datadriven.TestData) slipway.Rollout {
	r := slipway.Rollout{Strategy: slipway.Strategy(text(t, td, "strategy", "rolling"))}
	for key, n := range map[string]*int{"surge": &r.Surge, "step": &r.Step, "instances": &r.Instances, "detach": &r.Detach} {
		if td.HasArg(key) {
			*n = number(t, td, key)
		}
	}
	for key, d := range map[string]*time.Duration{"hold": &r.Hold, "bake": &r.Bake, "keep": &r.KeepOld} {
		if td.HasArg(key) {
			*d = duration(t, td, key)
		}
	}
	for w := range strings.FieldsFuncSeq(text(t, td, "weights", ""), func(r rune) bool { return r == '/' }) {
		n, err := strconv.Atoi(strings.TrimSuffix(w, "%"))
		if err != nil {
			t.Fatal(err)
		}
		r.Weights = append(r.Weights, slipway.BasisPoints(100*n))
	}
	if command := text(t, td, "preview", ""); command != "" {
		r.Preview = &slipway.Preview{Command: command, Queue: "production"}
	}
	return r
}

// plan plans and commits, and writes down what was said.
func (s *story) plan() slipway.Decision {
	s.state.Groups, s.state.Routes, s.state.ObservedAt = s.groups, s.routers, s.state.Target.Fence
	s.state.Revision, s.state.Troubles = &s.revision, s.troubles
	s.state.Tasks = s.tasks
	s.state.Verdicts = s.verdicts
	d := rollout.Plan(s.state, s.now)
	if s.evidence && d.Next.Deployment != nil {
		lookBehindHolds(d.Next.Deployment.Stages)
	}
	if was, dep := s.state.Deployment, d.Next.Deployment; was != nil && len(was.Passed) == 0 {
		for _, v := range dep.Passed {
			fmt.Fprintf(&s.out, "gate  %s passed: %s\n", v.Gate, v.Why)
		}
	}
	for _, w := range d.Why {
		fmt.Fprintf(&s.out, "why   %s\n", w.Text)
	}
	if d.Changed {
		s.state = d.Next
		s.state.Target.Fence = s.state.Target.Fence.Next()
		if dep := s.state.Deployment; dep != nil {
			fmt.Fprintf(&s.out, "%-6s%s\n", s.state.Target.Fence, place(dep))
			if dep.Phase.Ended() {
				if dep.Blamed != "" {
					fmt.Fprintf(&s.out, "blame %s\n", dep.Blamed)
				}
				s.state.Deployment = nil
				clear(s.tasks)
			}
		}
	}
	for _, a := range d.Actions {
		fmt.Fprintf(&s.out, "act   %s%s\n", a.ID, detail(a))
	}
	if !d.Wake.IsZero() {
		fmt.Fprintf(&s.out, "wake  in %s\n", d.Wake.Sub(s.now))
	}
	if s.out.Len() == 0 {
		s.out.WriteString("nothing to do\n")
	}
	return d
}

func lookBehindHolds(stages []slipway.Stage) {
	for i, stage := range stages {
		if stage.Hold > 0 {
			stages[i].Gates = []slipway.GateID{"evidence"}
		}
	}
}

func place(d *slipway.Deployment) string {
	if d.Phase == slipway.Progressing {
		return fmt.Sprintf("%s, stage %d of %d", d.Phase, d.At+1, len(d.Stages))
	}
	return string(d.Phase)
}

func detail(a slipway.Action) string {
	switch {
	case a.Group != nil:
		passive := ""
		if !a.Group.Active {
			passive = ", passive"
		}
		return fmt.Sprintf("  %d of @%d%s", a.Group.Replicas, a.Group.Revision.Release, passive)
	case a.Route != nil:
		var parts []string
		for _, share := range a.Route.Shares {
			part := fmt.Sprintf("@%d %d.%02d %%", share.Release, share.Weight/100, share.Weight%100)
			for _, e := range share.Endpoints {
				part += " " + string(e.Instance)
			}
			parts = append(parts, part)
		}
		if len(parts) == 0 {
			return "  nobody"
		}
		if a.Route.Fallback != "" {
			parts = append(parts, fmt.Sprintf("lent for %s, else %s", a.Route.Lease, a.Route.Fallback))
		}
		if p := a.Route.Preview; p != nil {
			parts = append(parts, fmt.Sprintf("port %d: %s", p.Port, p.Group))
		}
		return "  " + strings.Join(parts, " · ")
	case a.Task != nil:
		return "  " + strings.TrimSpace(fmt.Sprintf("%s %s %s", a.Task.Command, a.Task.Queue, a.Task.Env[rollout.PreviewURL]))
	}
	return ""
}

func (s *story) restore() {
	for i := range s.groups {
		s.groups[i].Fence = s.state.Target.Fence
	}
	s.state = s.backup
	s.state.Target.Fence.Epoch++
}

func (s *story) act(actions []slipway.Action) {
	for _, a := range actions {
		for i := range s.groups {
			if s.groups[i].Fence.Less(a.Fence) {
				s.groups[i].Fence = a.Fence
			}
		}
		switch a.Kind {
		case slipway.ApplyGroup:
			s.apply(*a.Group)
		case slipway.ApplyRoute:
			s.route = a.Route
		case slipway.RunTask:
			s.tasks[a.Task.ID] = slipway.TaskStatus{State: slipway.TaskRunning}
		case slipway.CancelTask:
			s.tasks[a.Task.ID] = slipway.TaskStatus{State: slipway.TaskCancelled}
		case slipway.StopInstance:
			s.change(a.Instance, "stopping", "")
		case slipway.ForgetInstance:
			for g := range s.groups {
				s.groups[g].Instances = slices.DeleteFunc(s.groups[g].Instances, func(i slipway.InstanceStatus) bool { return i.ID == a.Instance })
			}
		}
	}
}

func (s *story) apply(spec slipway.GroupSpec) {
	if s.troubles[spec.ID].Permanent {
		return
	}
	at := slices.IndexFunc(s.groups, func(g slipway.GroupStatus) bool { return g.ID == spec.ID })
	if at < 0 {
		at = len(s.groups)
		s.groups = append(s.groups, slipway.GroupStatus{ID: spec.ID, Target: spec.Target, Revision: spec.Revision.ID})
	}
	g := &s.groups[at]
	g.Replicas = spec.Replicas
	for i := range g.Instances {
		g.Instances[i].Active = spec.Active
	}
	running := 0
	for _, i := range g.Instances {
		if i.Phase != slipway.InstanceStopping && i.Phase != slipway.InstanceStopped {
			running++
		}
	}
	for ; running < spec.Replicas; running++ {
		s.count++
		g.Instances = append(g.Instances, slipway.InstanceStatus{
			ID: slipway.InstanceID(fmt.Sprintf("i-%d", s.count)), Boot: "1", Phase: slipway.InstanceStarting, Since: s.now, Active: spec.Active,
			Addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(40000+s.count)), Why: "nothing listens on $PORT",
		})
	}
}

func (s *story) change(id slipway.InstanceID, how, why string) {
	for g := range s.groups {
		for n := range s.groups[g].Instances {
			i := &s.groups[g].Instances[n]
			if i.ID != id {
				continue
			}
			switch how {
			case "ready":
				i.Phase, i.ReadyIn, i.EverReady = slipway.InstanceReady, s.now.Sub(i.Since), true
			case "unready":
				i.Phase = slipway.InstanceUnready
			case "crash":
				i.Phase = slipway.InstanceBackoff
				i.Restarts++
			case "start":
				i.Phase = slipway.InstanceStarting
			case "stopping":
				i.Phase = slipway.InstanceStopping
			case "stopped":
				i.Phase = slipway.InstanceStopped
			}
			i.Since, i.Why = s.now, why
		}
	}
}

func (s *story) ack(td *datadriven.TestData) {
	for i := range s.routers {
		if !td.HasArg(string(s.routers[i].Router)) && len(td.CmdArgs) > 0 {
			continue
		}
		if s.route != nil {
			s.routers[i].Fence = s.route.Fence
		}
		s.routers[i].InFlight = nil
	}
}

// run lets everybody do at once what is expected of them.
func (s *story) run() {
	for range 100 {
		d := s.plan()
		s.act(d.Actions)
		if !d.Changed && !slices.ContainsFunc(d.Actions, func(a slipway.Action) bool { return a.Kind != slipway.RunTask }) {
			return
		}
		s.now = s.now.Add(100 * time.Millisecond)
		for _, g := range s.groups {
			for _, i := range g.Instances {
				if i.Phase == slipway.InstanceStarting {
					s.change(i.ID, "ready", "")
				}
				if i.Phase == slipway.InstanceStopping {
					s.change(i.ID, "stopped", "")
				}
			}
		}
		s.ack(&datadriven.TestData{})
	}
	s.out.WriteString("does not come to rest\n")
}

func (s *story) print() {
	t := s.state.Target
	removed := ""
	if !t.Removed.IsZero() {
		removed = ", removed"
	}
	fmt.Fprintf(&s.out, "stable %s, %d wanted%s\n", cmp.Or(t.Stable, "nobody"), t.Want, removed)
	for _, g := range s.groups {
		for _, i := range g.Instances {
			fmt.Fprintf(&s.out, "%s  %s  %s\n", g.ID, i.ID, i.Phase)
		}
	}
	if d := s.state.Deployment; d != nil {
		s.printGates("passed before the start", d.Passed)
		s.printGates("asked now", d.Verdicts)
	}
}

func (s *story) printGates(when string, said []slipway.GateVerdict) {
	for _, v := range said {
		fmt.Fprintf(&s.out, "gate  %s, %s: %s, %s\n", v.Gate, when, v.State, v.Why)
	}
}

func number(t *testing.T, td *datadriven.TestData, key string) int {
	var n int
	td.ScanArgs(t, key, &n)
	return n
}

func text(t *testing.T, td *datadriven.TestData, key, otherwise string) string {
	if td.HasArg(key) {
		td.ScanArgs(t, key, &otherwise)
	}
	return otherwise
}

func duration(t *testing.T, td *datadriven.TestData, key string) time.Duration {
	d, err := time.ParseDuration(text(t, td, key, ""))
	if err != nil {
		t.Fatal(err)
	}
	return d
}
