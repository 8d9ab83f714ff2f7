package process_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/driver/drivertest"
	"github.com/slipway-cd/slipway/internal/driver/process"
)

func probed(edit func(h *slipway.Health)) func(*slipway.GroupSpec) {
	return func(g *slipway.GroupSpec) {
		g.Revision.Health.Ready = nil
		edit(&g.Revision.Health)
	}
}

// comesAndGoes has an instance say that it is not ready, which is seen with why,
// and that it is.
func comesAndGoes(t *testing.T, d *process.Driver, i slipway.InstanceStatus, why string) {
	t.Helper()
	get(t, i, "/unready")
	if now := await(t, d, "unready", func(i slipway.InstanceStatus) bool { return i.Phase == slipway.InstanceUnready }); now.Why != why {
		t.Errorf("unready: %q", now.Why)
	}
	get(t, i, "/ready")
	await(t, d, "ready again", ready)
}

func TestGRPCHealth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, before := w.serve(behaving("grpc"), probed(func(h *slipway.Health) {
		h.Ready = &slipway.Probe{GRPC: new("thoughts"), Failures: 1, Period: 100 * time.Millisecond}
		h.Live = &slipway.Probe{GRPC: new(""), Failures: 1}
	}))
	comesAndGoes(t, d, before, "grpc health of thoughts → NOT_SERVING")
}

func TestGRPCHealthOfWhoHasNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.start()
	apply(t, d, w.group(1, behaving("grpc"), probed(func(h *slipway.Health) { h.Ready = &slipway.Probe{GRPC: new("nobody")} })))
	await(t, d, "refused", func(i slipway.InstanceStatus) bool {
		return i.Why == `grpc health of nobody → NotFound "unknown service"`
	})
}

func TestTCPAndExec(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, before := w.serve(probed(func(h *slipway.Health) {
		h.Startup = &slipway.Probe{TCP: true, Failures: 30}
		h.Ready = &slipway.Probe{Exec: []string{"/bin/app", "look"}, Period: 100 * time.Millisecond, Timeout: 5 * time.Second}
	}))
	comesAndGoes(t, d, before, `exec /bin/app look → exit 1 "warming cache"`)
}

// What a command leaves behind, or holds open, does not outlive it when it is
// late.
func TestALateExecIsKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.start()
	apply(t, d, w.group(1, func(g *slipway.GroupSpec) {
		g.Revision.Kind, g.Revision.Run.Port = slipway.Worker, 0
		g.Revision.Health.Ready = &slipway.Probe{Exec: []string{"/bin/app", "dawdle"}, Timeout: 300 * time.Millisecond}
	}))
	i := await(t, d, "late", func(i slipway.InstanceStatus) bool {
		return i.Why == `exec /bin/app dawdle: no answer within 300ms "still looking"`
	})
	if i.Phase != slipway.InstanceStarting {
		t.Errorf("it is %s", i.Phase)
	}
	out, _ := exec.Command("pgrep", "-f", filepath.Join(w.dir, "trees")+".* dawdle").Output()
	if n := len(strings.Fields(string(out))); n > 1 { // the one that is asked now
		t.Errorf("%d of them run", n)
	}
}

// Nor does it when the command has answered in time.
func TestWhatAnExecLeavesIsKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.start()
	seconds := fmt.Sprintf("61.%d", os.Getpid())
	apply(t, d, w.group(1, func(g *slipway.GroupSpec) {
		g.Revision.Kind, g.Revision.Run.Port = slipway.Worker, 0
		g.Revision.Health.Ready = &slipway.Probe{Exec: []string{"/bin/app", "litter", seconds}, Timeout: 5 * time.Second, Period: 100 * time.Millisecond, Successes: 5}
	}))
	await(t, d, "ready", ready)
	out, _ := exec.Command("pgrep", "-f", "^/bin/sleep "+seconds).Output()
	if n := len(strings.Fields(string(out))); n > 1 { // of the one that is asked now
		t.Errorf("%d of them run", n)
	}
}

func TestAnExecThatIsNotThereIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.start()
	err := d.Apply(t.Context(), w.group(1, probed(func(h *slipway.Health) { h.Live = &slipway.Probe{Exec: []string{"/bin/nothing"}} })))
	if slipway.CodeOf(err) != slipway.Invalid || !strings.Contains(err.Error(), "the image has no program /bin/nothing") {
		t.Errorf("Apply: %v", err)
	}
}

func TestWhoDoesNotStartIsRestarted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.start()
	apply(t, d, w.group(1, behaving(drivertest.Unready), probed(func(h *slipway.Health) {
		h.Startup = &slipway.Probe{HTTP: "/readyz", Period: 100 * time.Millisecond, Failures: 3}
		h.Live = &slipway.Probe{HTTP: "/healthz", Failures: 1}
	})))
	w.awaitTold("down", func(i slipway.InstanceStatus) bool {
		return i.Phase == slipway.InstanceBackoff && i.Why == `GET /readyz → 503 "warming cache", 3 times in a row`
	})
	i := await(t, d, "restarted", func(i slipway.InstanceStatus) bool { return i.Restarts == 2 })
	if i.EverReady {
		t.Error("it was ready, though it never started")
	}
}

// Each restart counts, whoever wanted it.
func TestLivenessCountsAsRestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, i := w.serve(func(g *slipway.GroupSpec) {
		g.Revision.Health.Live = &slipway.Probe{HTTP: "/healthz", Failures: 1, Period: 100 * time.Millisecond}
	})
	for n := 1; n <= 2; n++ {
		boot := i.Boot
		get(t, i, "/dead")
		i = await(t, d, "ready again", func(i slipway.InstanceStatus) bool { return ready(i) && i.Boot != boot })
		if i.Restarts != n {
			t.Errorf("restarted %d times, want %d", i.Restarts, n)
		}
	}
}

// Nobody becomes ready before what it needs has answered, and it says what that
// is; once it has, it may go again.
func TestPreflight(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	_ = l.Close()
	w := newWorld(t)
	d := w.start()
	apply(t, d, w.group(1, func(g *slipway.GroupSpec) {
		g.Revision.Run.Env["REDIS_AT"] = at
		g.Revision.Health.Preflight = []slipway.Check{{TCP: "${REDIS_AT}", Name: "redis"}}
	}))
	await(t, d, "held", func(i slipway.InstanceStatus) bool {
		return i.Phase == slipway.InstanceStarting && i.Why == "preflight redis (tcp "+at+"): connection refused"
	})
	if l, err = net.Listen("tcp", at); err != nil {
		t.Fatal(err)
	}
	i := await(t, d, "ready", ready)
	_ = l.Close()
	kill(t, w.shim(i), 9) // another shim knows that it was ready
	time.Sleep(time.Second)
	if again := await(t, d, "ready", ready); again.Boot != i.Boot {
		t.Errorf("it was %s and is %s", i.Boot, again.Boot)
	}
	kill(t, pid(t, i), 9)
	await(t, d, "held again", func(i slipway.InstanceStatus) bool {
		return i.Phase == slipway.InstanceStarting && strings.HasPrefix(i.Why, "preflight redis (tcp "+at+"): connection refused; before that: exited while")
	})
}

// One that ends because of what it lacks says both.
func TestPreflightOfWhoCrashes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.start()
	apply(t, d, w.group(1, behaving("brooding"), func(g *slipway.GroupSpec) {
		g.Revision.Health.Preflight = []slipway.Check{{TCP: "127.0.0.1:1"}}
	}))
	await(t, d, "down", func(i slipway.InstanceStatus) bool {
		return i.Phase == slipway.InstanceBackoff && i.Why == "exit 4; preflight tcp 127.0.0.1:1: connection refused"
	})
}

func worker(edit ...func(*slipway.GroupSpec)) func(*slipway.GroupSpec) {
	return func(g *slipway.GroupSpec) {
		g.Revision.Kind, g.Revision.Run.Port, g.Revision.Run.Passive = slipway.Worker, 0, true
		g.Revision.Health.Ready = nil
		g.Revision.Run.Env[drivertest.Behave] = "worker"
		for _, e := range edit {
			e(g)
		}
	}
}

// A worker that can be told starts passive, takes work when it is told to, goes
// on with that once it is ready after a restart, and takes none any more before it
// ends.
func TestWorkersAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, close := w.open()
	g := w.group(1, worker(func(g *slipway.GroupSpec) { g.Active = false }))
	apply(t, d, g)
	i := await(t, d, "passive", func(i slipway.InstanceStatus) bool { return ready(i) && !i.Active })
	says := func(want string) { t.Helper(); says(t, d, i, want) }
	says("starts 0 0\n")

	g.Active, g.Fence.Generation = true, 2
	apply(t, d, g)
	active := await(t, d, "active", func(i slipway.InstanceStatus) bool { return i.Active })
	if active.Boot != i.Boot || active.Restarts != 0 {
		t.Errorf("it was restarted: %+v", active)
	}
	says("starts 0 0\nSIGUSR1 1\n")
	g.Active, g.Fence.Generation = false, 1
	if err := d.Apply(context.Background(), g); slipway.CodeOf(err) != slipway.Stale {
		t.Errorf("a stale owner: %v", err)
	}

	// An order that nobody was there to pass on is passed on by who comes next.
	shim := w.shim(i)
	kill(t, shim, 19)
	g.Active, g.Fence.Generation = false, 3
	apply(t, d, g)
	close()
	kill(t, shim, 9)
	d = w.start()
	await(t, d, "passive", func(i slipway.InstanceStatus) bool { return ready(i) && !i.Active })
	says("starts 0 0\nSIGUSR1 1\nSIGUSR2 0\n")

	g.Active, g.Fence.Generation = true, 4
	apply(t, d, g)
	says("starts 0 0\nSIGUSR1 1\nSIGUSR2 0\nSIGUSR1 1\n")
	kill(t, w.report(i).Child.PID, 9)
	says("starts 0 0\nSIGUSR1 1\nSIGUSR2 0\nSIGUSR1 1\nstarts 0 0\nSIGUSR1 1\n")
	if err := d.Stop(t.Context(), shop, i.ID, slipway.Fence{Epoch: 1, Generation: 4}); err != nil {
		t.Fatal(err)
	}
	stopped := await(t, d, "stopped", func(i slipway.InstanceStatus) bool { return i.Phase == slipway.InstanceStopped })
	if stopped.Active {
		t.Error("it takes work though it has ended")
	}
	says("starts 0 0\nSIGUSR1 1\nSIGUSR2 0\nSIGUSR1 1\nstarts 0 0\nSIGUSR1 1\nSIGUSR2 0\nSIGTERM 0\n")
}

// says waits until an instance has printed what is wanted, and nothing else.
func says(t *testing.T, d *process.Driver, i slipway.InstanceStatus, want string) {
	t.Helper()
	var got string
	for start := time.Now(); time.Since(start) < 10*time.Second; time.Sleep(10 * time.Millisecond) {
		if got = logs(t, d, i.ID, -1); got == want {
			return
		}
	}
	t.Fatalf("it says %q, want %q", got, want)
}

// A worker that was never ready takes no work, whatever its group does and whoever
// looks after it.
func TestWhoIsNotReadyTakesNoWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.start()
	g := w.group(1, worker(func(g *slipway.GroupSpec) {
		g.Revision.Health.Ready = &slipway.Probe{Exec: []string{"/bin/app", "look"}, Timeout: 5 * time.Second}
	}))
	apply(t, d, g)
	starting := func(restarts int) func(slipway.InstanceStatus) bool {
		return func(i slipway.InstanceStatus) bool {
			return i.Phase == slipway.InstanceStarting && i.Restarts == restarts && strings.Contains(i.Why, "/bin/app look")
		}
	}
	i := await(t, d, "asked", starting(0))
	if !i.Active {
		t.Error("it was not asked to take work when it is ready")
	}
	says(t, d, i, "starts 0 0\n")
	kill(t, w.report(i).Child.PID, 9)
	await(t, d, "asked again", starting(1))
	says(t, d, i, "starts 0 0\nstarts 0 0\n")
	kill(t, w.shim(i), 9)
	time.Sleep(500 * time.Millisecond) // its next shim asks it, too
	await(t, d, "asked by another", starting(1))
	if got := logs(t, d, i.ID, -1); strings.Contains(got, "1\n") || strings.Count(got, "starts 0 0\n") != 2 {
		t.Errorf("it says %q", got)
	}
}

// Who does not listen to the signals would be ended by them; the file tells.
func TestTheDeafAreNotSignalled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.start()
	g := w.group(1, worker(func(g *slipway.GroupSpec) {
		g.Active = false
		g.Revision.Run.Command = []string{"/bin/idle"}
	}))
	apply(t, d, g)
	i := await(t, d, "passive", func(i slipway.InstanceStatus) bool { return ready(i) && !i.Active })
	g.Active = true
	apply(t, d, g)
	active := await(t, d, "active", func(i slipway.InstanceStatus) bool { return i.Active })
	time.Sleep(300 * time.Millisecond)
	if now := await(t, d, "ready", ready); now.Boot != i.Boot {
		t.Errorf("it was restarted: %+v, then %+v", active, now)
	}
	b, err := os.ReadFile(filepath.Join(w.dir, "instances", string(i.ID), "active"))
	if err != nil || string(b) != "1" {
		t.Errorf("its file holds %q, %v", b, err)
	}
}
