package blob_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/smalldisk"
)

func TestFullDisk(t *testing.T) {
	dir := smalldisk.Mount(t, 1<<20)
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
