package git_test

import (
	"io/fs"
	"path/filepath"
	"testing"
)

// What is pushed is nobody else's to read on this machine.
func TestRepositoriesArePrivate(t *testing.T) {
	w := newWorld(t)
	c := w.clone("mei", "web")
	c.must("push", "slipway", "master")
	c.commit("more")
	c.must("push", "slipway", "master", "master:refs/heads/other", "master:refs/tags/v1")
	n := 0
	err := filepath.WalkDir(filepath.Join(w.dir, "repositories"), func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s %s", info.Mode(), path)
		}
		n++
		return err
	})
	if err != nil || n < 30 {
		t.Errorf("%d files: %v", n, err)
	}
}
