package process_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/driver/process"
)

func logs(t *testing.T, d *process.Driver, id slipway.InstanceID, tail int) string {
	t.Helper()
	r, err := d.Logs(t.Context(), shop, id, tail, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestLogs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, i := w.serve()
	get(t, i, "/print?bytes=0&last=one")
	get(t, i, "/print?bytes=200000&last=two")
	get(t, i, "/print?bytes=0&last=three")
	for tail, want := range map[int]string{0: "", 1: "three\n", 2: "two\nthree\n"} {
		if got := logs(t, d, i.ID, tail); got != want {
			t.Errorf("the last %d: %q, want %q", tail, got, want)
		}
	}
	for _, tail := range []int{-1, 1000} {
		if got := logs(t, d, i.ID, tail); !strings.HasPrefix(got, "listening on") || !strings.Contains(got, "one\n") || len(got) < 200000 {
			t.Errorf("all of it, as %d, has %d bytes", tail, len(got))
		}
	}
	if _, err := d.Logs(t.Context(), shop, "i-nobody", 1, false); slipway.CodeOf(err) != slipway.NotFound {
		t.Errorf("an unknown instance: %v, want NotFound", err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := d.Logs(ctx, shop, i.ID, 1, true)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	lines := bufio.NewScanner(r)
	if lines.Scan(); lines.Text() != "three" {
		t.Errorf("followed from %q, want three", lines.Text())
	}
	get(t, i, "/print?bytes=0&last=four")
	if lines.Scan(); lines.Text() != "four" {
		t.Errorf("followed to %q, want four", lines.Text())
	}
	if err := d.Stop(t.Context(), shop, i.ID, slipway.Fence{Epoch: 1, Generation: 1}); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
	}
	if ctx.Err() != nil {
		t.Error("following did not end with the instance")
	}
	await(t, d, "stopped", func(i slipway.InstanceStatus) bool { return i.Phase == slipway.InstanceStopped })
	if err := d.Forget(t.Context(), shop, i.ID, slipway.Fence{Epoch: 1, Generation: 1}); err != nil {
		t.Fatal(err)
	}
	if got := logs(t, d, i.ID, 1); got != "four\n" {
		t.Errorf("once forgotten: %q, want four", got)
	}
}

func TestLogsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, i := w.serve()
	path := filepath.Join(w.dir, "instances", string(i.ID), "out.log")
	for n := range 4 {
		get(t, i, fmt.Sprintf("/print?bytes=%d&last=end-%d", 12<<20, n))
	}
	const most = 20<<20 + 4096
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		onDisk := info.Sys().(*syscall.Stat_t).Blocks * 512
		if onDisk <= most {
			break
		}
		if time.Since(start) > 10*time.Second {
			t.Fatalf("the log takes %d MiB", onDisk>>20)
		}
	}
	get(t, i, "/print?bytes=0&last=goes-on")
	got := logs(t, d, i.ID, -1)
	if !strings.HasSuffix(got, "end-3\ngoes-on\n") || len(got) > most || !strings.HasPrefix(got, "x") {
		t.Errorf("%d bytes are kept, from %.20q to %q", len(got), got, got[max(0, len(got)-20):])
	}
	if strings.Contains(got, "\x00") {
		t.Error("what was dropped is read as zeros")
	}
}

// A shim that has something to say again and again does not fill the disk.
func TestWhatAShimSaysIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, i := w.serve()
	path := filepath.Join(w.dir, "instances", string(i.ID), "shim.log")
	if err := os.Truncate(path, 10<<20); err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() <= 1<<20 {
			break
		}
		if time.Since(start) > 10*time.Second {
			t.Fatalf("it is %d bytes long", info.Size())
		}
	}
	kill(t, pid(t, i), syscall.SIGKILL)
	await(t, d, "ready again", func(now slipway.InstanceStatus) bool { return ready(now) && now.Boot != i.Boot })
	if said, err := os.ReadFile(path); err != nil || !strings.Contains(string(said), "SIGKILL") || strings.Contains(string(said), "\x00") {
		t.Errorf("then it says %q, %v", said, err)
	}
}

// What an instance printed is found by when that was, and when it is gone, too.
func TestLogsByTheirTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, i := w.serve()
	get(t, i, "/print?bytes=0&last=before")
	time.Sleep(1500 * time.Millisecond) // noted each second
	since := time.Now()
	get(t, i, "/print?bytes=0&last=after")
	check := func() {
		t.Helper()
		r, err := d.LogsSince(t.Context(), shop, i.ID, since, -1, false)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Close() }()
		if b, err := io.ReadAll(r); err != nil || string(b) != "after\n" {
			t.Errorf("since then: %q, %v", b, err)
		}
	}
	check()
	time.Sleep(1500 * time.Millisecond)
	kept, err := d.Printed(t.Context(), shop)
	if err != nil || len(kept) != 1 || kept[0].Instance != i.ID || !kept[0].Until.IsZero() || kept[0].Gone {
		t.Errorf("kept is %+v, %v", kept, err)
	}
	f := slipway.Fence{Epoch: 1, Generation: 1}
	if err := d.Stop(t.Context(), shop, i.ID, f); err != nil {
		t.Fatal(err)
	}
	await(t, d, "stopped", func(i slipway.InstanceStatus) bool { return i.Phase == slipway.InstanceStopped })
	if err := d.Forget(t.Context(), shop, i.ID, f); err != nil {
		t.Fatal(err)
	}
	check()
	kept, err = d.Printed(t.Context(), shop)
	if err != nil || len(kept) != 1 || !kept[0].Gone || !kept[0].Since.Before(since) || kept[0].Until.Before(since) {
		t.Errorf("once it is gone, kept is %+v, %v", kept, err)
	}
}
