package process_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/cgroup"
	"github.com/slipway-cd/slipway/internal/driver/process"
)

// limited finds what a driver says that it cannot promise of control groups.
func limited(d *process.Driver) string {
	limits := d.Limits()
	at := slices.IndexFunc(limits, func(s string) bool { return strings.HasPrefix(s, "Without control groups (") })
	if at < 0 {
		return ""
	}
	return limits[at]
}

// grouped reports whether instances have control groups here. Where they have
// not, the driver must say so, and why.
func grouped(t *testing.T, d *process.Driver) bool {
	t.Helper()
	_, err := cgroup.Own()
	if limit := limited(d); (err == nil) != (limit == "") || err != nil && !strings.Contains(limit, err.Error()) {
		t.Errorf("groups: %v; the driver's limit is %q", err, limit)
	}
	return err == nil
}

// cgroup is the one that i is said to be in.
func (w *world) cgroup(i slipway.InstanceStatus) cgroup.Group {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, "instances", string(i.ID), "spec.json"))
	if err != nil {
		w.t.Fatal(err)
	}
	var s process.Spec
	if err := json.Unmarshal(b, &s); err != nil {
		w.t.Fatal(err)
	}
	return s.Cgroup
}

// vanished is a process of i that nothing but its control group tells of.
func vanished(t *testing.T, i slipway.InstanceStatus) int {
	t.Helper()
	p, err := strconv.Atoi(get(t, i, "/vanish"))
	if err != nil || !running(p) {
		t.Fatalf("process %d: %v", p, err)
	}
	t.Cleanup(func() {
		if running(p) {
			_ = syscall.Kill(p, syscall.SIGKILL)
		}
	})
	return p
}

func (w *world) killShim(i slipway.InstanceStatus) {
	shim := w.shim(i)
	kill(w.t, shim, syscall.SIGKILL)
	for running(shim) {
		time.Sleep(time.Millisecond)
	}
}

func TestNothingEscapesAKilledShim(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(t *testing.T, w *world, d *process.Driver, close func(), i slipway.InstanceStatus)
	}{
		{"stopped", func(t *testing.T, w *world, d *process.Driver, _ func(), i slipway.InstanceStatus) {
			w.killShim(i)
			if err := d.Stop(t.Context(), shop, i.ID, slipway.Fence{Epoch: 1, Generation: 1}); err != nil {
				t.Fatal(err)
			}
			await(t, d, "stopped", func(i slipway.InstanceStatus) bool { return i.Phase == slipway.InstanceStopped })
		}},
		{"crashed", func(t *testing.T, w *world, d *process.Driver, _ func(), i slipway.InstanceStatus) {
			app := pid(t, i)
			w.killShim(i)
			kill(t, app, syscall.SIGKILL)
			await(t, d, "restarted", func(now slipway.InstanceStatus) bool { return ready(now) && now.Boot != i.Boot })
		}},
		{"crashed while nobody looked", func(t *testing.T, w *world, _ *process.Driver, close func(), i slipway.InstanceStatus) {
			app := pid(t, i)
			close()
			w.killShim(i)
			kill(t, app, syscall.SIGKILL)
			await(t, w.start(), "restarted", func(now slipway.InstanceStatus) bool { return ready(now) && now.Boot != i.Boot })
		}},
		{"all stopped", func(t *testing.T, w *world, _ *process.Driver, close func(), i slipway.InstanceStatus) {
			close()
			w.killShim(i)
			w.end()
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			d, close := w.open()
			apply(t, d, w.group(1))
			i := await(t, d, "ready", ready)
			if !grouped(t, d) {
				return
			}
			group, fugitive := w.cgroup(i), vanished(t, i)
			if !group.Exists() {
				t.Fatalf("it is not in %q", group)
			}
			test.end(t, w, d, close, i)
			if running(fugitive) {
				t.Error("a process that has left everything behind still runs")
			}
			w.end()
			if group.Exists() {
				t.Errorf("left behind: %s", group)
			}
		})
	}
}

// A shim that is killed when it has said that the instance has stopped, or by a
// person who has written that, leaves the rest to whoever forgets the instance.
func TestForgettingLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var fugitive int
	var group cgroup.Group
	i, _, d := outage(t, w, func(i slipway.InstanceStatus, app int) {
		group, fugitive = w.cgroup(i), vanished(t, i)
		w.killShim(i)
		kill(t, app, syscall.SIGKILL)
		w.amend(i, func(r *process.Report) { r.Phase = slipway.InstanceStopped })
	})
	if err := d.Forget(t.Context(), shop, i.ID, slipway.Fence{Epoch: 1, Generation: 1}); err != nil {
		t.Fatal(err)
	}
	if grouped(t, d) && (running(fugitive) || group.Exists()) {
		t.Errorf("running %t, %s exists %t", running(fugitive), group, group.Exists())
	}
}

// Everything else works where groups cannot be made, and what does not is said.
func TestWithoutGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.without = errors.New("/sys/fs/cgroup is read-only")
	first, close := w.open()
	apply(t, first, w.group(1))
	before := await(t, first, "ready", ready)
	if !strings.Contains(limited(first), "/sys/fs/cgroup is read-only") {
		t.Errorf("it promises too much: %q", first.Limits())
	}
	if g := w.cgroup(before); g != "" {
		t.Errorf("in a group: %s", g)
	}
	vanished(t, before)
	close()

	// Where they can be made by the next driver, its shims use them.
	w.killShim(before)
	w.without = nil
	d := w.start()
	i := await(t, d, "adopted", func(i slipway.InstanceStatus) bool { return ready(i) && i.Why == "" })
	if i.Boot != before.Boot || w.cgroup(i).Exists() {
		t.Errorf("before %+v\nafter  %+v", before, i)
	}
	kill(t, pid(t, i), syscall.SIGKILL)
	i = await(t, d, "restarted", func(i slipway.InstanceStatus) bool { return ready(i) && i.Boot != before.Boot })
	if grouped(t, d) != w.cgroup(i).Exists() {
		t.Errorf("it is in %q", w.cgroup(i))
	}
}

// The group above it, a login session for one, may have ended with everything
// in it.
func TestAGroupThatIsGoneIsMadeElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gone := filepath.Join(t.TempDir(), "session-2.scope", "slipway-gone")
	before, _, d := outage(t, w, func(i slipway.InstanceStatus, app int) {
		w.killShim(i)
		kill(t, app, syscall.SIGKILL)
		if err := w.cgroup(i).End(); err != nil {
			t.Fatal(err)
		}
		spec := filepath.Join(w.dir, "instances", string(i.ID), "spec.json")
		b, err := os.ReadFile(spec)
		if err != nil {
			t.Fatal(err)
		}
		b = []byte(strings.Replace(string(b), `"Cgroup":"`+string(w.cgroup(i)), `"Cgroup":"`+gone, 1))
		if err := os.WriteFile(spec, b, 0o600); err != nil {
			t.Fatal(err)
		}
	})
	i := await(t, d, "restarted", func(i slipway.InstanceStatus) bool { return ready(i) && i.Boot != before.Boot })
	if g := w.cgroup(i); grouped(t, d) != g.Exists() {
		t.Errorf("it is in %q", g)
	}
}
