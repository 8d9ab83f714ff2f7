package process_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
)

// What runs from a tree, was asked for lately or is kept stays.
func TestPruneTrees(t *testing.T) {
	w := newWorld(t)
	d, _ := w.serve()
	trees := filepath.Join(w.dir, "trees")
	digest := func(c string) slipway.Digest { return "sha256:" + slipway.Digest(strings.Repeat(c, 64)) }
	tree := func(d slipway.Digest) string { return filepath.Join(trees, strings.TrimPrefix(string(d), "sha256:")) }
	old, kept, young := digest("a"), digest("b"), digest("c")
	ago := time.Now().Add(-2 * time.Hour)
	for _, image := range []slipway.Digest{old, kept, young} {
		files := filepath.Join(tree(image), "files")
		if err := os.MkdirAll(files, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(files, "four"), []byte("four"), 0o400); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(files, 0o500); err != nil { // as unpacked
			t.Fatal(err)
		}
	}
	for _, image := range []slipway.Digest{old, kept, w.app} {
		if err := os.Chtimes(tree(image), ago, ago); err != nil {
			t.Fatal(err)
		}
	}
	for _, dry := range []bool{true, false} {
		n, bytes, err := d.PruneTrees(t.Context(), map[slipway.Digest]bool{kept: true}, time.Now().Add(-time.Hour), dry)
		if n != 1 || bytes != 4 || err != nil {
			t.Errorf("dry %v: %d trees, %d bytes, %v", dry, n, bytes, err)
		}
		for image, want := range map[slipway.Digest]bool{old: dry, kept: true, young: true, w.app: true} {
			if _, err := os.Stat(tree(image)); (err == nil) != want {
				t.Errorf("dry %v: %s: %v", dry, image.Short(), err)
			}
		}
	}
	if hidden, _ := filepath.Glob(filepath.Join(trees, ".*")); len(hidden) > 0 {
		t.Errorf("left are %v", hidden)
	}
}
