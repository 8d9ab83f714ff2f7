// Package drivertest is the suite that every driver passes, and a driver in
// memory that passes it too.
package drivertest

import (
	"context"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/driver"
)

// Behave is the variable by which an instance of the suite's image is told
// what to be like.
const Behave = "BEHAVE"

// What an instance may be told to be like.
const (
	Healthy  = "healthy"  // ready soon, ends at SIGTERM
	Unready  = "unready"  // answers its probe with 503 "warming cache"
	Crashing = "crashing" // exits with 3 at once
)

// Missing is an image that no driver can find.
const Missing slipway.Digest = "sha256:0000000000000000000000000000000000000000000000000000000000000000"

// Lab is where a driver is tested.
type Lab struct {
	// Open starts a driver. Opened again after close, it finds what the one
	// before has left.
	Open func(t *testing.T) (d driver.Driver, close func())
	// Image behaves as told, and answers its probe at /readyz.
	Image slipway.Digest
	// Asks says that instances are real, and asked for real: probes other than
	// /readyz, and preflight.
	Asks bool
}

// patience is for machines that are busy with other tests.
const patience = 20 * time.Second

// bench is one driver under test.
type bench struct {
	*testing.T
	lab   Lab
	d     driver.Driver
	close func()
}

// Test holds a driver to what package driver promises. It asks for a lab of
// its own for every test.
func Test(t *testing.T, lab func(t *testing.T) Lab) {
	type test struct {
		name string
		run  func(b *bench)
	}
	tests := []test{
		{"apply starts what is missing", applies},
		{"apply again changes nothing", repeats},
		{"apply never picks a victim", spares},
		{"workers have no address", works},
		{"a stopped instance stays stopped and is replaced", stops},
		{"forget gives up a stopped instance only", forgets},
		{"observe says of a target what list says", observes},
		{"what is unknown is stopped and forgotten", ignores},
		{"lower fences are refused", fences},
		{"fences outlive the driver", remembers},
		{"the next driver finds everything", survives},
		{"what is not ready says why", explains},
		{"what crashes is started again later", retries},
		{"what cannot work is permanent", refuses},
		{"changes are told", tells},
		{"workers that can be told are told", activates},
	}
	if lab(t).Asks {
		tests = append(tests, test{"nobody is ready before what it needs answers", holds}, test{"a startup probe holds the others", delays})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := &bench{T: t, lab: lab(t)}
			b.open()
			t.Cleanup(b.clear)
			test.run(b)
		})
	}
}

func (b *bench) open() { b.d, b.close = b.lab.Open(b.T) }

// clear ends what a test has left running.
func (b *bench) clear() {
	defer func() { b.close() }()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for ctx.Err() == nil {
		groups, err := b.d.List(ctx)
		if err == nil && len(groups) == 0 {
			return
		}
		for _, g := range groups {
			for _, i := range g.Instances {
				_ = b.d.Stop(ctx, g.Target, i.ID, g.Fence)
				_ = b.d.Forget(ctx, g.Target, i.ID, g.Fence)
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	b.Error("could not end what the test has started")
}

var (
	alpha = slipway.TargetID{Service: "alpha", Environment: "test"}
	beta  = slipway.TargetID{Service: "beta", Environment: "prod"}
)

func fence(generation uint64) slipway.Fence { return slipway.Fence{Epoch: 1, Generation: generation} }

// group is n healthy web instances.
func (b *bench) group(t slipway.TargetID, id slipway.GroupID, n int, f slipway.Fence) slipway.GroupSpec {
	return slipway.GroupSpec{
		ID: id, Target: t, Replicas: n, Active: true, Fence: f,
		Revision: slipway.Revision{
			ID: slipway.RevisionID("r-" + string(id)), Target: t, Release: 14, Image: b.lab.Image, Kind: slipway.Web,
			Run:    slipway.Run{Port: 8000, Env: map[string]string{Behave: Healthy}, StopGrace: 5 * time.Second},
			Health: slipway.Health{Ready: &slipway.Probe{HTTP: "/readyz", Failures: 1}, Deadline: 30 * time.Second},
		},
	}
}

func (b *bench) apply(g slipway.GroupSpec) {
	b.Helper()
	if err := b.d.Apply(b.Context(), g); err != nil {
		b.Fatalf("Apply: %v", err)
	}
}

// find returns the group, empty when it is not listed.
func (b *bench) find(t slipway.TargetID, id slipway.GroupID) slipway.GroupStatus {
	b.Helper()
	groups, err := b.d.List(b.Context())
	if err != nil {
		b.Fatalf("List: %v", err)
	}
	for _, g := range groups {
		if g.Target == t && g.ID == id {
			return g
		}
	}
	return slipway.GroupStatus{ID: id, Target: t}
}

// await lists until the group is as ok says.
func (b *bench) await(t slipway.TargetID, id slipway.GroupID, what string, ok func(slipway.GroupStatus) bool) slipway.GroupStatus {
	b.Helper()
	for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		g := b.find(t, id)
		if ok(g) {
			return g
		}
		if time.Since(start) > patience {
			b.Fatalf("%s %s is not %s: %+v", t, id, what, g)
		}
	}
}

func (b *bench) awaitReady(t slipway.TargetID, id slipway.GroupID, n int) slipway.GroupStatus {
	b.Helper()
	return b.await(t, id, "ready", func(g slipway.GroupStatus) bool { return g.Ready() == n })
}

func (b *bench) awaitPhase(t slipway.TargetID, id slipway.GroupID, i slipway.InstanceID, p slipway.InstancePhase) slipway.InstanceStatus {
	b.Helper()
	g := b.await(t, id, string(p), func(g slipway.GroupStatus) bool {
		s, ok := instance(g, i)
		return ok && s.Phase == p
	})
	s, _ := instance(g, i)
	return s
}

func instance(g slipway.GroupStatus, id slipway.InstanceID) (slipway.InstanceStatus, bool) {
	for _, i := range g.Instances {
		if i.ID == id {
			return i, true
		}
	}
	return slipway.InstanceStatus{}, false
}

func (b *bench) wantCode(doing string, err error, code slipway.Code) {
	b.Helper()
	if got := slipway.CodeOf(err); got != code {
		b.Errorf("%s: code %q (%v), want %q", doing, got, err, code)
	}
}
