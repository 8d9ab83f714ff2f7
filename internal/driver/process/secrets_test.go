package process_test

import (
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/driver/process"
)

const hunter = "hunter22-in-a-secret"

// wanting is a group that has a secret as a variable and one as a file.
func wanting(g *slipway.GroupSpec) {
	g.Revision.Run.Secrets = []slipway.SecretUse{{Name: "TOKEN"}, {Name: "KEY", File: true}}
	g.Revision.Secrets = []slipway.SecretVersion{{Name: "KEY", Version: 1}, {Name: "TOKEN", Version: 3}}
	g.Revision.Run.Env["TOKEN"] = "of the manifest"
}

func open(_ context.Context, t slipway.TargetID, versions []slipway.SecretVersion) (map[string][]byte, error) {
	values := map[string][]byte{}
	for _, v := range versions {
		values[v.Name] = []byte(hunter + " " + v.Name)
	}
	return values, nil
}

// environment is what an instance sees.
func environment(t testing.TB, i slipway.InstanceStatus) map[string]string {
	t.Helper()
	var seen struct{ Env []string }
	if err := json.Unmarshal([]byte(get(t, i, "/env")), &seen); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for _, kv := range seen.Env {
		k, v, _ := strings.Cut(kv, "=")
		if _, twice := env[k]; twice {
			t.Errorf("%s is there twice", k)
		}
		env[k] = v
	}
	return env
}

// leaks lists the files below dir that hold the secret.
func leaks(t testing.TB, dir string) (files []string) {
	t.Helper()
	_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if b, err := os.ReadFile(path); err == nil && strings.Contains(string(b), hunter) {
				files = append(files, path)
			}
		}
		return nil
	})
	return files
}

func TestSecretsReachTheInstanceAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.secrets = open
	d, i := w.serve(wanting)
	env := environment(t, i)
	file := env["KEY_FILE"]
	key, err := os.ReadFile(file)
	if env["TOKEN"] != hunter+" TOKEN" || err != nil || string(key) != hunter+" KEY" || env["KEY"] != "" {
		t.Fatalf("TOKEN %q, KEY_FILE %q holds %q, %v", env["TOKEN"], file, key, err)
	}
	for path, mode := range map[string]fs.FileMode{file: 0o600, filepath.Dir(file): 0o700, filepath.Dir(filepath.Dir(file)): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v, want %o", path, info.Mode(), err, mode)
		}
	}
	if found := leaks(t, w.dir); found != nil {
		t.Errorf("the secret is in %v", found)
	}
	for _, name := range []string{"environ", "cmdline"} {
		b, err := os.ReadFile(filepath.Join("/proc", itoa(w.shim(i)), name))
		if err == nil && strings.Contains(string(b), hunter) {
			t.Errorf("the shim shows the secret in its %s", name)
		}
	}
	limits, err := os.ReadFile(filepath.Join("/proc", itoa(w.shim(i)), "limits"))
	if err == nil && !strings.Contains(strings.Join(strings.Fields(string(limits)), " "), "Max core file size 0 0") {
		t.Errorf("the shim may dump core:\n%s", limits)
	}

	// The same after a crash, which needs no driver, and after one of the shim.
	first := pid(t, i)
	kill(t, w.shim(i), syscall.SIGKILL)
	again := w.shim(i)
	for end := time.Now().Add(10 * time.Second); again == w.shim(i) && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	await(t, d, "ready under another shim", func(i slipway.InstanceStatus) bool { return ready(i) && i.Why == "" })
	kill(t, first, syscall.SIGKILL)
	i = await(t, d, "restarted", func(i slipway.InstanceStatus) bool { return ready(i) && i.Restarts == 1 })
	if env := environment(t, i); env["TOKEN"] != hunter+" TOKEN" {
		t.Errorf("restarted with %q", env["TOKEN"])
	}

	if err := d.Stop(t.Context(), shop, i.ID, slipway.Fence{Epoch: 1, Generation: 2}); err != nil {
		t.Fatal(err)
	}
	await(t, d, "stopped", func(i slipway.InstanceStatus) bool { return i.Phase == slipway.InstanceStopped })
	if _, err := os.Stat(filepath.Dir(file)); err == nil {
		t.Error("the file outlives its instance")
	}
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

func TestWaitsForItsSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var asked atomic.Int32
	w.secrets = func(ctx context.Context, id slipway.TargetID, v []slipway.SecretVersion) (map[string][]byte, error) {
		if n := asked.Add(1); n > 1 && n < 4 { // not when the group is checked
			return nil, slipway.Errorf(slipway.Unavailable, "the key is being fetched")
		}
		return open(ctx, id, v)
	}
	d := w.start()
	apply(t, d, w.group(1, wanting))
	w.awaitTold("waiting", func(i slipway.InstanceStatus) bool {
		return i.Phase == slipway.InstanceStarting && i.Why == "it waits for its secrets: the key is being fetched"
	})
	i := await(t, d, "ready", ready)
	if i.Restarts != 0 || i.Why != "" {
		t.Errorf("%+v", i)
	}
}

func TestRefusesWhatCannotBeGiven(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.start()
	if err := d.Apply(t.Context(), w.group(1, wanting)); slipway.CodeOf(err) != slipway.Invalid {
		t.Errorf("without secrets: %v", err)
	}
	if err := d.Apply(t.Context(), w.group(1, wanting, func(g *slipway.GroupSpec) { g.Revision.Secrets = nil })); slipway.CodeOf(err) != slipway.Invalid {
		t.Errorf("without versions: %v", err)
	}
	w2 := newWorld(t)
	w2.secrets = func(context.Context, slipway.TargetID, []slipway.SecretVersion) (map[string][]byte, error) {
		return map[string][]byte{"TOKEN": []byte("a\x00b" + hunter), "KEY": []byte(hunter)}, nil
	}
	d = w2.start()
	err := d.Apply(t.Context(), w2.group(1, wanting))
	if slipway.CodeOf(err) != slipway.Invalid || !strings.Contains(err.Error(), "as: file") || strings.Contains(err.Error(), hunter) {
		t.Errorf("a zero byte in a variable: %v", err)
	}
	if is := all(t, d); len(is) > 0 {
		t.Errorf("started %v", is)
	}
}

// What an instance says of itself is shown and written down without its secrets.
func TestWhyTellsNoSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.secrets = open
	d := w.start()
	apply(t, d, w.group(1, wanting, behaving("telltale")))
	i := w.awaitTold("unready for a reason", func(i slipway.InstanceStatus) bool { return strings.Contains(i.Why, "503") })
	if !strings.Contains(i.Why, "[REDACTED]") || strings.Contains(i.Why, hunter) {
		t.Errorf("why %q", i.Why)
	}
	kill(t, w.shim(i), syscall.SIGKILL) // the next one does not have them at first
	time.Sleep(300 * time.Millisecond)
	await(t, d, "seen again", func(i slipway.InstanceStatus) bool { return strings.Contains(i.Why, "503") })
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, seen := range w.seen {
		if strings.Contains(seen.Why, hunter) {
			t.Fatalf("told %q", seen.Why)
		}
	}
	found := slices.DeleteFunc(leaks(t, w.dir), func(f string) bool { return filepath.Base(f) == "out.log" })
	if len(found) > 0 {
		t.Errorf("the secret is in %v", found)
	}
	out, err := d.Logs(t.Context(), shop, i.ID, -1, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	_, _ = io.ReadAll(out)
}

var _ process.Secrets = open
