package faults_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/baddisk"
	"github.com/slipway-cd/slipway/internal/smalldisk"
	"github.com/slipway-cd/slipway/test/faults/yard"
)

// TestFullDisk fills the disk of everything. What serves, serves; new work is
// refused with one clear error, and goes on when there is space.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	disk := smalldisk.Mount(t, 160<<20)
	w := raise(t, yard.Options{Disk: disk})
	w.publish(yard.Version{Service: "gauge"}, yard.Version{Service: "gauge"})
	w.deploy("gauge", 1)
	w.press("gauge")
	for n := range times(3) {
		full := filepath.Join(disk, "full")
		fill(t, full)
		_, err := w.Deploy(t.Context(), "gauge", 2-n%2)
		if p, isProblem := errors.AsType[*api.Problem](err); !isProblem || p.Status != 503 && p.Status != 507 {
			t.Errorf("a deployment on a full disk: %v", err)
		}
		w.fellServer()
		sleep(time.Second)
		w.must(os.Remove(full))
		w.eventually(20*time.Second, func() error { _, err := w.Client.Whoami(t.Context()); return err })
		w.serves("gauge", 1+n%2)
		w.deploy("gauge", 2-n%2)
	}
	w.note("full %d times", times(3))
}

// TestBadDisk has the disk of everything fail, for a while: what is read or
// written ends with an error. What serves, serves; new work is refused, with the
// disk named as the reason, and goes on when the disk is well. What was
// acknowledged is on the disk, and not in the memory alone: after a power cut it
// is still known.
func TestBadDisk(t *testing.T) {
	disk := baddisk.Mount(t, 400<<20)
	w := raise(t, yard.Options{Disk: disk.Dir})
	w.publish(yard.Version{Service: "gauge", Rollout: "strategy: rolling, rolling: { surge: 3, step: 3 }"})
	w.deploy("gauge", 1)
	w.press("gauge")
	asking := w.restarts(100 * time.Millisecond)
	defer disk.Mend(t)
	var deployed []int64
	for n := range times(3) {
		sleep(500 * time.Millisecond)
		disk.Break(t)
		var problem *api.Problem
		w.eventually(5*time.Second, func() error {
			_, err := w.Deploy(t.Context(), "gauge", 1)
			if is := errors.As(err, &problem); !is {
				return fmt.Errorf("a deployment on a disk that fails: %w", err)
			}
			return nil
		})
		if problem.Status != 503 || !strings.Contains(problem.Error(), "disk") {
			t.Errorf("a deployment on a disk that fails: %d %v", problem.Status, problem)
		}
		if n%2 == 0 {
			w.fellServer()
		}
		sleep(time.Second)
		disk.Mend(t)
		w.eventually(20*time.Second, func() error { _, err := w.Client.Whoami(t.Context()); return err })
		w.serves("gauge", 1)
		deployed = append(deployed, w.deploy("gauge", 1).ID)
	}
	acknowledged := append(asking(), deployed...)
	for _, l := range w.loads {
		l.Stop()
	}
	w.known(acknowledged)
	w.powerCut()
	disk.Again(t)
	w.must(w.Up(t.Context()))
	w.known(acknowledged)
	w.serves("gauge", 1)
	w.owned(3)
	w.note("failed %d times, %d deployments acknowledged and known", times(3), len(acknowledged))
}

// restarts asks for one deployment after another until it is stopped; it returns
// those that were acknowledged then.
func (w *world) restarts(every time.Duration) (stop func() []int64) {
	ctx, cancel := context.WithCancel(w.Context())
	var acknowledged []int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			d, err := w.Client.Deploy(ctx, api.CreateDeployment{Service: "gauge", Environment: "test", Kind: "restart"})
			if err == nil {
				acknowledged = append(acknowledged, d.ID)
			}
			time.Sleep(every)
		}
	}()
	return func() []int64 { cancel(); <-done; return acknowledged }
}

// known wants the server to know what it has acknowledged.
func (w *world) known(acknowledged []int64) {
	w.Helper()
	if len(acknowledged) == 0 {
		w.Error("nothing was acknowledged")
	}
	for _, id := range acknowledged {
		if _, err := w.Client.Deployment(w.Context(), id); err != nil {
			w.Errorf("deployment %d was acknowledged: %v", id, err)
		}
	}
}

// fellServer kills the server, which may be unable to come back for now.
func (w *world) fellServer() {
	w.Helper()
	server, err := w.Role("server")
	w.must(err)
	w.must(server.Kill())
}

// fill writes until nothing more can be written.
func fill(t *testing.T, file string) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for _, size := range []int{1 << 20, 4 << 10, 1} {
		for block := bytes.Repeat([]byte("x"), size); err == nil; {
			_, err = f.Write(block)
		}
		err = nil
	}
}

// TestKilledWhileItCommits kills the server again and again while it commits
// one deployment after another. What it has acknowledged, it still knows.
func TestKilledWhileItCommits(t *testing.T) {
	w := raise(t, yard.Options{})
	w.publish(yard.Version{Service: "gauge", Rollout: "strategy: rolling, rolling: { surge: 3, step: 3 }"})
	w.deploy("gauge", 1)
	w.press("gauge")
	asking := w.restarts(20 * time.Millisecond)
	var slowest time.Duration
	for range times(20) + 2 {
		sleep(200 * time.Millisecond)
		slowest = max(slowest, w.killServer())
	}
	if slowest > 2*time.Second {
		t.Errorf("a server answered %s after it was killed", slowest)
	}
	acknowledged := asking()
	w.known(acknowledged)
	if len(acknowledged) > 0 {
		w.ends(acknowledged[len(acknowledged)-1], "succeeded", "superseded")
	}
	w.serves("gauge", 1)
	w.note("%d kills, %d deployments acknowledged and known, answering again within %.2f s", times(20)+2, len(acknowledged), slowest.Seconds())
}

// TestCorruption spoils files behind the back of everything. What serves,
// serves; a server with a broken database says so instead of starting.
func TestCorruption(t *testing.T) {
	t.Parallel()
	w := raise(t, yard.Options{})
	w.publish(yard.Version{Service: "gauge"}, yard.Version{Service: "gauge"})
	w.deploy("gauge", 1)
	w.press("gauge")

	// The database, while nobody has it open.
	w.must(w.Leave())
	file := filepath.Join(w.Data, "slipway.db")
	w.must(os.RemoveAll(file + "-shm"))
	keep := map[string][]byte{}
	for _, f := range []string{file, file + "-wal"} {
		if text, err := os.ReadFile(f); err == nil {
			keep[f] = text
			w.must(os.WriteFile(f, bytes.Repeat([]byte("not a database "), 1000), 0o600))
		}
	}
	if out, err := w.Do(t.Context(), t.TempDir(), w.Slipway, "up", "--detach", "--listen", w.Address()); err == nil {
		t.Errorf("it came up with a spoilt database: %s", out)
	}
	sleep(time.Second)
	w.must(os.RemoveAll(file + "-wal"))
	w.must(os.RemoveAll(file + "-shm"))
	for f, text := range keep {
		w.must(os.WriteFile(f, text, 0o600))
	}
	w.must(w.Up(t.Context()))
	w.serves("gauge", 1)

	// What shims and drivers have written down of instances.
	states, err := filepath.Glob(filepath.Join(w.Data, "process", "instances", "*", "state"))
	w.must(err)
	if len(states) == 0 {
		t.Error("there is no state to spoil")
	}
	for _, f := range states {
		w.must(os.WriteFile(f, []byte("{"), 0o600))
	}
	w.killServer()
	w.owned(3)
	w.deploy("gauge", 2)
	w.owned(3)
	w.note("database and states spoilt")
}
