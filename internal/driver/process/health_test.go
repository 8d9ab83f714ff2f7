package process_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/driver/drivertest"
	"github.com/slipway-cd/slipway/internal/driver/process"
)

func TestReadyInTime(t *testing.T) {
	w := newWorld(t)
	d := w.start()
	apply(t, d, w.group(1)) // unpacks
	await(t, d, "ready", ready)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	hints := make(chan slipway.TargetID, 100)
	go func() { _ = d.Watch(ctx, func(t slipway.TargetID) { hints <- t }) }()
	start := time.Now()
	apply(t, d, w.group(2, func(g *slipway.GroupSpec) { g.Fence.Generation = 2 }))
	applied := time.Since(start)
	for {
		<-hints
		if is := all(t, d); len(is) == 2 && ready(is[1]) {
			t.Logf("applied in %v, ready and told in %v, of which the child took %v", applied, time.Since(start), is[1].ReadyIn)
			break
		}
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestReadinessComesAndGoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, before := w.serve()
	get(t, before, "/unready")
	i := await(t, d, "unready", func(i slipway.InstanceStatus) bool { return i.Phase == slipway.InstanceUnready })
	if i.Why != `GET /readyz → 503 "warming cache"` || !i.EverReady {
		t.Errorf("unready: %+v", i)
	}
	get(t, before, "/ready")
	if i = await(t, d, "ready", ready); i.Why != "" || i.Boot != before.Boot {
		t.Errorf("ready again: %+v", i)
	}
}

func TestWhatIsNotAliveIsRestarted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, before := w.serve(func(g *slipway.GroupSpec) { g.Revision.Health.Live = &slipway.Probe{HTTP: "/healthz", Failures: 2} })
	get(t, before, "/dead")
	w.awaitTold("down", func(i slipway.InstanceStatus) bool {
		return i.Phase == slipway.InstanceBackoff && i.Why == `GET /healthz → 503 "deadlock", 2 times in a row`
	})
	i := await(t, d, "ready again", func(i slipway.InstanceStatus) bool { return ready(i) && i.Boot != before.Boot })
	if i.Restarts != 1 {
		t.Errorf("restarted: %+v", i)
	}
}

// Whatever it did not answer to its probe, it may still answer to others.
func TestWhatIsNotAliveIsLeftBeforeItIsEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, before := w.serve(func(g *slipway.GroupSpec) {
		g.Revision.Health.Live = &slipway.Probe{HTTP: "/healthz", Failures: 1}
		g.Revision.Run.Drain = time.Minute
	})
	answered := make(chan error, 1)
	go func() {
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		res, err := client.Get("http://" + before.Addr.String() + "/slow")
		if err == nil {
			err = res.Body.Close()
		}
		answered <- err
	}()
	get(t, before, "/dead")
	i := await(t, d, "unready", func(i slipway.InstanceStatus) bool { return i.Phase == slipway.InstanceUnready })
	if i.Boot != before.Boot || i.Why != `GET /healthz → 503 "deadlock"` {
		t.Errorf("not alive: %+v", i)
	}
	if err := <-answered; err != nil {
		t.Errorf("what it had in hand was lost: %v", err)
	}
	await(t, d, "ready again", func(i slipway.InstanceStatus) bool { return ready(i) && i.Boot != before.Boot })
}

func TestWhatComesBackToLifeIsSpared(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, before := w.serve(func(g *slipway.GroupSpec) {
		g.Revision.Health.Live = &slipway.Probe{HTTP: "/healthz", Failures: 1}
		g.Revision.Run.Drain = time.Minute
	})
	conn, err := net.Dial("tcp", before.Addr.String()) // somebody is there
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	get(t, before, "/dead")
	await(t, d, "unready", func(i slipway.InstanceStatus) bool { return i.Phase == slipway.InstanceUnready })
	get(t, before, "/alive")
	if i := await(t, d, "ready", ready); i.Boot != before.Boot || i.Restarts != 0 {
		t.Errorf("alive again: %+v", i)
	}
}

func TestExitsAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, i := w.serve()
	kill(t, pid(t, i), syscall.SIGKILL)
	down := w.awaitTold("down", func(i slipway.InstanceStatus) bool { return i.Phase == slipway.InstanceBackoff })
	if down.Why != "exit 137 (SIGKILL)" || !down.EverReady || !down.RetryAt.After(down.Since) {
		t.Errorf("down: %+v", down)
	}
	await(t, d, "ready", ready)
}

func TestTheDeafAreKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, i := w.serve(behaving("deaf"), func(g *slipway.GroupSpec) { g.Revision.Run.StopGrace = 100 * time.Millisecond })
	if err := d.Stop(t.Context(), shop, i.ID, slipway.Fence{Epoch: 1, Generation: 1}); err != nil {
		t.Fatal(err)
	}
	i = await(t, d, "stopped", func(i slipway.InstanceStatus) bool { return i.Phase == slipway.InstanceStopped })
	if i.Why != "exit 137 (SIGKILL)" {
		t.Errorf("stopped: %+v", i)
	}
}

func TestAStoppedCrashLoopStaysStopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.start()
	apply(t, d, w.group(1, behaving(drivertest.Crashing)))
	i := await(t, d, "in a loop", func(i slipway.InstanceStatus) bool { return i.Restarts == 2 })
	if err := d.Stop(t.Context(), shop, i.ID, slipway.Fence{Epoch: 1, Generation: 1}); err != nil {
		t.Fatal(err)
	}
	await(t, d, "stopped", func(i slipway.InstanceStatus) bool { return i.Phase == slipway.InstanceStopped })
}

func TestWhatAnInstanceGets(t *testing.T) {
	t.Setenv("SERVERS_SECRET", "must not leak")
	w := newWorld(t)
	d := w.start()
	apply(t, d, w.group(1, func(g *slipway.GroupSpec) {
		g.Revision.Run.Env["FROM_MANIFEST"] = "a b"
		g.Revision.Run.Env["PORT"] = "8000"
		g.Revision.Run.Command = []string{"../bin/app", "--flag", "value with spaces"}
	}))
	i := await(t, d, "ready", ready)
	var got struct {
		Env, Args []string
		Dir       string
	}
	if err := json.Unmarshal([]byte(get(t, i, "/env")), &got); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for _, kv := range got.Env {
		k, v, _ := strings.Cut(kv, "=")
		if _, twice := env[k]; twice {
			t.Errorf("%s is there twice", k)
		}
		env[k] = v
	}
	home := w.dir + "/instances/" + string(i.ID)
	for k, want := range map[string]string{
		"FROM_IMAGE": "yes", "GORACE": "atexit_sleep_ms=0", "FROM_MANIFEST": "a b", drivertest.Behave: drivertest.Healthy,
		"PORT": strings.TrimPrefix(i.Addr.String(), "127.0.0.1:"), "PATH": "/usr/local/bin:/usr/bin:/bin",
		"HOME": home + "/home", "TMPDIR": home + "/tmp",
		"SLIPWAY_SERVICE": "shop", "SLIPWAY_ENVIRONMENT": "test", "SLIPWAY_RELEASE": "14", "SLIPWAY_INSTANCE": string(i.ID),
	} {
		if env[k] != want {
			t.Errorf("%s is %q, want %q", k, env[k], want)
		}
		delete(env, k)
	}
	delete(env, "SLIPWAY_MARK")
	if len(env) != 0 {
		t.Errorf("and more: %v", env)
	}
	if !strings.HasSuffix(got.Dir, "/files/srv") {
		t.Errorf("it runs in %s", got.Dir)
	}
	if n := len(got.Args); n < 2 || got.Args[n-1] != "value with spaces" || got.Args[n-2] != "--flag" {
		t.Errorf("its arguments are %q", got.Args)
	}
}

func TestStopAllLeavesNothing(t *testing.T) {
	for _, running := range []bool{true, false} {
		t.Run(fmt.Sprintf("while Run runs %t", running), func(t *testing.T) {
			w := newWorld(t)
			d, close := w.open()
			apply(t, d, w.group(3))
			var pids []int
			for _, i := range all(t, d) {
				id := i.ID
				w.awaitTold("ready", func(i slipway.InstanceStatus) bool { return i.ID == id && ready(i) })
				pids = append(pids, w.shim(i))
			}
			if !running {
				var err error
				close()
				if d, err = process.Open(w.config()); err != nil {
					t.Fatal(err)
				}
				close = func() { _ = d.Close() }
			}
			defer close()
			if err := d.StopAll(t.Context()); err != nil {
				t.Fatal(err)
			}
			if left := all(t, d); len(left) != 0 {
				t.Errorf("left: %+v", left)
			}
			awaitGone(t, pids)
		})
	}
}

func awaitGone(t *testing.T, pids []int) {
	t.Helper()
	for _, p := range pids {
		for start := time.Now(); running(p); time.Sleep(time.Millisecond) {
			if time.Since(start) > 5*time.Second {
				t.Fatalf("shim %d still runs", p)
			}
		}
	}
}
