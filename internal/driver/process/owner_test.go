package process_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/driver/process"
)

func TestPlacesOfOthersAreRefused(t *testing.T) {
	for _, test := range []struct {
		what string
		code slipway.Code
		set  func(t *testing.T, c *process.Config)
	}{
		{"sockets where all can write", slipway.Conflict, func(t *testing.T, c *process.Config) {
			makeDir(t, c.RuntimeDir, 0o777)
		}},
		{"instances where all can write", slipway.Conflict, func(t *testing.T, c *process.Config) {
			makeDir(t, c.Dir, 0o777)
		}},
		{"sockets where a link leads", slipway.Conflict, func(t *testing.T, c *process.Config) {
			ours := filepath.Join(t.TempDir(), "ours")
			makeDir(t, ours, 0o700)
			if err := os.Symlink(ours, c.RuntimeDir); err != nil {
				t.Fatal(err)
			}
		}},
		{"sockets with a long name", slipway.Invalid, func(t *testing.T, c *process.Config) {
			c.RuntimeDir = filepath.Join(t.TempDir(), strings.Repeat("long", 25))
		}},
	} {
		t.Run(test.what, func(t *testing.T) {
			c := process.Config{Dir: filepath.Join(t.TempDir(), "process"), RuntimeDir: shortDir(t)}
			test.set(t, &c)
			d, err := process.Open(c)
			if slipway.CodeOf(err) != test.code {
				t.Errorf("Open: %v, want %s", err, test.code)
			}
			if err == nil {
				_ = d.Close()
			}
		})
	}
}

func makeDir(t *testing.T, dir string, mode os.FileMode) {
	t.Helper()
	if err := os.Mkdir(dir, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
}

// A list without the instances that have not been heard would look complete,
// and end their traffic.
func TestAListIsCompleteOrAnError(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, close := w.open()
	apply(t, d, w.group(1))
	await(t, d, "ready", ready)
	close()

	c := w.config()
	c.Patience = 1100 * time.Millisecond
	deaf, err := process.Open(c) // it does not Run
	if err != nil {
		t.Fatal(err)
	}
	if groups, err := deaf.List(t.Context()); slipway.CodeOf(err) != slipway.Unavailable || groups != nil {
		t.Errorf("nobody was heard: %+v, %v", groups, err)
	}
	if err := deaf.Close(); err != nil {
		t.Fatal(err)
	}
	w.start()
}
