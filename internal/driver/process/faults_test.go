package process_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/driver/drivertest"
	"github.com/slipway-cd/slipway/internal/driver/process"
)

func TestAKilledShimLeavesItsChildAndIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, before := w.serve()
	app, shim := pid(t, before), w.shim(before)

	kill(t, shim, syscall.SIGKILL)
	if got := pid(t, before); got != app {
		t.Errorf("pid %d serves, want %d", got, app)
	}
	after := await(t, d, "adopted", func(i slipway.InstanceStatus) bool { return w.shim(i) != shim && ready(i) && i.Why == "" })
	if after.Boot != before.Boot || after.Restarts != 0 || pid(t, after) != app {
		t.Errorf("before %+v\nafter  %+v", before, after)
	}

	// The adopted child is watched like any other.
	kill(t, app, syscall.SIGKILL)
	again := await(t, d, "restarted", func(i slipway.InstanceStatus) bool { return ready(i) && i.Boot != before.Boot })
	if again.Restarts != 1 || again.ID != before.ID || again.Addr != before.Addr {
		t.Errorf("after its child was killed: %+v", again)
	}
}

func TestAStoppedShimIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, before := w.serve()
	app, shim := pid(t, before), w.shim(before)

	kill(t, shim, syscall.SIGSTOP)
	if got := get(t, before, "/print?bytes=200000&last=still"); got != "" { // more than any pipe holds
		t.Errorf("it said %q", got)
	}
	w.awaitTold("noticed", func(i slipway.InstanceStatus) bool {
		return ready(i) && strings.Contains(i.Why, "its shim does not answer")
	})
	after := await(t, d, "adopted", func(i slipway.InstanceStatus) bool { return w.shim(i) != shim && ready(i) && i.Why == "" })
	if after.Boot != before.Boot || pid(t, after) != app || running(shim) {
		t.Errorf("before %+v\nafter  %+v", before, after)
	}
}

func TestInstancesOutliveTheServer(t *testing.T) {
	w := newWorld(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	server := exec.CommandContext(t.Context(), self, "server", w.dir, w.runtime)
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "ready\n" {
		t.Fatalf("the server said %q, %v", line, err)
	}
	kill(t, server.Process.Pid, syscall.SIGKILL)
	_ = server.Wait()

	d := w.start()
	groups, err := d.List(t.Context())
	if err != nil || len(groups) != 1 || groups[0].Ready() != 2 || groups[0].Replicas != 2 {
		t.Fatalf("List: %+v, %v", groups, err)
	}
	for _, i := range groups[0].Instances {
		if i.Restarts != 0 || !strings.Contains(i.Boot, strconv.Itoa(pid(t, i))) {
			t.Errorf("not the process that the first server started: %+v", i)
		}
	}
	apply(t, d, w.group(2, func(g *slipway.GroupSpec) { g.Fence.Generation = 2 }))
	if n := len(all(t, d)); n != 2 {
		t.Errorf("%d instances, want the two that run", n)
	}
	err = d.Stop(t.Context(), shop, groups[0].Instances[0].ID, slipway.Fence{Epoch: 1, Generation: 1})
	if slipway.CodeOf(err) != slipway.Stale {
		t.Errorf("the first server's fence: %v, want Stale", err)
	}
}

// amend changes what an instance's shim has written down.
func (w *world) amend(i slipway.InstanceStatus, edit func(*process.Report)) {
	w.t.Helper()
	path := filepath.Join(w.dir, "instances", string(i.ID), "state")
	b, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	var r process.Report
	if err := json.Unmarshal(b, &r); err != nil {
		w.t.Fatal(err)
	}
	edit(&r)
	if b, err = json.Marshal(r); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// outage runs one instance, closes its driver, lets fault strike and opens
// another driver.
func outage(t *testing.T, w *world, fault func(i slipway.InstanceStatus, app int)) (before slipway.InstanceStatus, app int, d *process.Driver) {
	t.Helper()
	first, close := w.open()
	apply(t, first, w.group(1))
	before = await(t, first, "ready", ready)
	app = pid(t, before)
	close()
	fault(before, app)
	return before, app, w.start()
}

func TestWhatHappensWhileNobodyLooks(t *testing.T) {
	end := func(w *world, i slipway.InstanceStatus, pids ...int) {
		for _, p := range append([]int{w.shim(i)}, pids...) { // the shim first: it has no time to say more
			kill(w.t, p, syscall.SIGKILL)
			for running(p) {
				time.Sleep(time.Millisecond)
			}
		}
	}
	for _, test := range []struct {
		name  string
		fault func(w *world, i slipway.InstanceStatus, app int)
		same  bool   // the same process goes on
		why   string // said by its shim
	}{
		{name: "nothing", fault: func(*world, slipway.InstanceStatus, int) {}, same: true},
		{name: "the shim dies", fault: func(w *world, i slipway.InstanceStatus, _ int) { end(w, i) }, same: true},
		{name: "shim and child die", fault: func(w *world, i slipway.InstanceStatus, app int) { end(w, i, app) },
			why: "it ended while it had no shim"},
		{name: "the host restarts", fault: func(w *world, i slipway.InstanceStatus, app int) {
			end(w, i, app)
			w.amend(i, func(r *process.Report) { r.Child.Boot, r.Shim.Boot = "another", "another" })
		}, why: "the host was restarted"},
		{name: "the host restarts and the pid is somebody else's", fault: func(w *world, i slipway.InstanceStatus, app int) {
			end(w, i, app)
			w.amend(i, func(r *process.Report) { r.Child.Boot, r.Child.PID = "another", os.Getpid() })
		}, why: "the host was restarted"},
		{name: "the pid is somebody else's", fault: func(w *world, i slipway.InstanceStatus, app int) {
			end(w, i, app)
			w.amend(i, func(r *process.Report) { r.Child.PID = os.Getpid() })
		}, why: "it ended while it had no shim"},
		{name: "the shim dies before it has written down its child", fault: func(w *world, i slipway.InstanceStatus, _ int) {
			end(w, i)
			w.amend(i, func(r *process.Report) { *r = process.Report{Phase: slipway.InstanceStarting, Launching: true} })
		}, same: true},
		{name: "the state is torn", fault: func(w *world, i slipway.InstanceStatus, _ int) {
			end(w, i)
			if err := os.WriteFile(filepath.Join(w.dir, "instances", string(i.ID), "state"), []byte(`{"Pha`), 0o600); err != nil {
				w.t.Fatal(err)
			}
		}, same: true},
		{name: "the sockets are cleared away", fault: func(w *world, _ slipway.InstanceStatus, _ int) {
			if err := os.RemoveAll(w.runtime); err != nil {
				w.t.Fatal(err)
			}
			w.runtime = shortDir(w.t)
		}, same: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			before, app, d := outage(t, w, func(i slipway.InstanceStatus, app int) { test.fault(w, i, app) })
			if test.why != "" {
				await(t, d, "another process", func(i slipway.InstanceStatus) bool { return ready(i) && i.Boot != before.Boot })
				log, err := os.ReadFile(filepath.Join(w.dir, "instances", string(before.ID), "shim.log"))
				if err != nil || !strings.Contains(string(log), test.why) {
					t.Errorf("its shim did not say %q: %s, %v", test.why, log, err)
				}
			}
			after := await(t, d, "ready", func(i slipway.InstanceStatus) bool { return ready(i) && i.Why == "" })
			if n := len(all(t, d)); n != 1 || after.ID != before.ID || after.Addr != before.Addr {
				t.Fatalf("%d instances: %+v", n, after)
			}
			if same := after.Boot == before.Boot && pid(t, after) == app; same != test.same {
				t.Errorf("the same process: %t, want %t\nbefore %+v\nafter  %+v", same, test.same, before, after)
			}
		})
	}
}

func TestAMovedDataDirectory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old, sockets := w.dir, w.runtime
	before, app, d := outage(t, w, func(slipway.InstanceStatus, int) {
		w.dir, w.runtime = filepath.Join(t.TempDir(), "moved"), shortDir(t)
		if err := os.Rename(old, w.dir); err != nil {
			t.Fatal(err)
		}
	})
	moved := await(t, d, "said to be moved", func(i slipway.InstanceStatus) bool {
		return ready(i) && strings.Contains(i.Why, "the data directory was moved") && strings.Contains(i.Why, old)
	})
	if moved.Boot != before.Boot {
		t.Errorf("moving has restarted it: %+v", moved)
	}
	kill(t, app, syscall.SIGKILL)
	after := await(t, d, "restarted", func(i slipway.InstanceStatus) bool { return ready(i) && i.Boot != before.Boot })
	if env := get(t, after, "/env"); after.Why != "" || strings.Contains(env, old) || !strings.Contains(env, "HOME="+w.dir) {
		t.Errorf("restarted with Why %q and %s", after.Why, env)
	}
	if err := d.StopAll(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(sockets); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder of the sockets is left where it was before: %v", err)
	}
}

func TestOneShimAndOneDriver(t *testing.T) {
	w := newWorld(t)
	_, i := w.serve()
	second := append(w.shims[1:], filepath.Join(w.dir, "instances", string(i.ID)))
	out, err := exec.CommandContext(t.Context(), w.shims[0], second...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "held by another process") {
		t.Errorf("a second shim: %v, %s", err, out)
	}
	if _, err := process.Open(w.config()); slipway.CodeOf(err) != slipway.Conflict {
		t.Errorf("a second driver: %v, want a Conflict", err)
	}
	cmdline, err := os.ReadFile("/proc/" + strconv.Itoa(w.shim(i)) + "/cmdline")
	if runtime.GOOS == "linux" && (err != nil || strings.Contains(string(cmdline), drivertest.Healthy)) {
		t.Errorf("the shim's command line is %q, %v", cmdline, err)
	}
}

func TestASquattedPortIsNotReady(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	w := newWorld(t)
	d := w.start()
	apply(t, d, w.group(1, behaving("silent"), func(g *slipway.GroupSpec) { g.Revision.Health.Ready = nil }))
	i := await(t, d, "waiting", func(i slipway.InstanceStatus) bool { return strings.Contains(i.Why, "nothing listens on 127.0.0.1:") })
	l, err := net.Listen("tcp", i.Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	await(t, d, "refused", func(i slipway.InstanceStatus) bool {
		return i.Phase == slipway.InstanceStarting && strings.Contains(i.Why, "is held by another process")
	})
	if other := await(t, d, "listed", func(slipway.InstanceStatus) bool { return true }); other.EverReady {
		t.Errorf("it counts as ready: %+v", other)
	}
}

func TestNothingEscapesAStop(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs a subreaper")
	}
	for _, test := range []struct {
		name  string
		fault func(w *world, i slipway.InstanceStatus)
	}{
		{"its own shim", func(*world, slipway.InstanceStatus) {}},
		{"an adopting shim", func(w *world, i slipway.InstanceStatus) { kill(w.t, w.shim(i), syscall.SIGKILL) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			d, i := w.serve()
			grandchild, err := strconv.Atoi(get(t, i, "/linger"))
			if err != nil || !running(grandchild) {
				t.Fatalf("grandchild %d: %v", grandchild, err)
			}
			test.fault(w, i)
			if err := d.Stop(t.Context(), shop, i.ID, slipway.Fence{Epoch: 1, Generation: 1}); err != nil {
				t.Fatal(err)
			}
			await(t, d, "stopped", func(i slipway.InstanceStatus) bool { return i.Phase == slipway.InstanceStopped })
			if running(grandchild) {
				t.Error("its grandchild, which has left the process group, still runs")
				kill(t, grandchild, syscall.SIGKILL)
			}
		})
	}
}

func TestStoppedBeforeItsShimIsHeard(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	w := newWorld(t)
	d := w.start()
	for n := range uint64(10) {
		f := slipway.Fence{Epoch: 1, Generation: n + 1}
		apply(t, d, w.group(1, func(g *slipway.GroupSpec) { g.Fence = f }))
		i := all(t, d)[0]
		time.Sleep(time.Duration(n) * 3 * time.Millisecond)
		if err := d.Stop(t.Context(), shop, i.ID, f); err != nil {
			t.Fatal(err)
		}
		await(t, d, "stopped", func(i slipway.InstanceStatus) bool { return i.Phase == slipway.InstanceStopped })
		if err := d.Forget(t.Context(), shop, i.ID, f); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(50 * time.Millisecond) // a shim too many would be up by now
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range lines {
		if line, err := os.ReadFile(name); err == nil && strings.Contains(string(line), w.dir) {
			t.Errorf("%s still runs: %q", name, line)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(w.dir, "instances", "*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
