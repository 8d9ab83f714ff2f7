// Package smalldisk gives tests a disk that is soon full.
package smalldisk

import (
	"os"
	"testing"
	"time"
)

// Mount makes a disk of so many bytes, and returns the folder it is at until
// the test ends. Where it may not be mounted (without root, or not on Linux) the
// test skips by name; in CI that is an error.
func Mount(t testing.TB, bytes int) string {
	t.Helper()
	dir := t.TempDir()
	if err := mount(dir, bytes); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("a small disk cannot be mounted:", err)
		}
		t.Skip("a small disk cannot be mounted here:", err)
	}
	t.Cleanup(func() {
		err := unmount(dir)
		for start := time.Now(); err != nil && time.Since(start) < 5*time.Second; time.Sleep(10 * time.Millisecond) {
			err = unmount(dir) // the kernel may still be closing what ended
		}
		if err != nil {
			t.Error("unmount:", err)
		}
	})
	return dir
}
