package blob_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/slipway-cd/slipway"
)

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("slipway", dir, "tmpfs", 0, "size=1m"); errors.Is(err, syscall.EPERM) && os.Getenv("CI") != "true" {
		t.Skip("mounting a small tmpfs needs root")
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s := open(t, dir)
	put(t, s, "k", "before")
	_, err := s.Put(t.Context(), "k", strings.NewReader(strings.Repeat("x", 2<<20)))
	if slipway.CodeOf(err) != slipway.Unavailable || !strings.Contains(slipway.MessageOf(err), "the disk is full") {
		t.Errorf("got %v", err)
	}
	if got := get(t, s, "k"); got != "before" {
		t.Errorf("the blob that was there has %d bytes now", len(got))
	}
	if left, _ := os.ReadDir(filepath.Join(dir, ".incoming")); len(left) > 0 {
		t.Errorf("%d files are left over", len(left))
	}
	put(t, s, "small", "there is room for this")
}
