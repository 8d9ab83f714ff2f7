package process

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
)

// PruneTrees removes the unpacked images that nothing runs from, that were not
// asked for since then and are not kept, and tells how many and what that freed;
// dry, what it would. An image that is asked for again is unpacked again.
func (d *Driver) PruneTrees(ctx context.Context, keep map[slipway.Digest]bool, since time.Time, dry bool) (n int, bytes int64, err error) {
	entries, err := os.ReadDir(d.trees.dir)
	if err != nil {
		return 0, 0, err
	}
	for _, e := range entries {
		if ctx.Err() != nil {
			return n, bytes, ctx.Err()
		}
		image := slipway.Digest("sha256:" + e.Name())
		if strings.HasPrefix(e.Name(), ".") || keep[image] {
			continue
		}
		gone, size, removed := d.pruneTree(e.Name(), since, dry)
		if err = errors.Join(err, removed); gone {
			n, bytes = n+1, bytes+size
		}
	}
	return n, bytes, err
}

// pruneTree first takes the tree's name away, so that a tree is whole or not
// there, and nothing waits while its files go.
func (d *Driver) pruneTree(name string, since time.Time, dry bool) (gone bool, size int64, err error) {
	dir := filepath.Join(d.trees.dir, name)
	if gone, err = d.hideTree(dir, since, dry); err != nil || !gone {
		return false, 0, err
	}
	if dry {
		return true, sizeOf(dir), nil
	}
	size = sizeOf(hidden(dir))
	return true, size, removeTree(hidden(dir))
}

// hideTree lets nothing start from the tree meanwhile: who is about to has just
// asked for it.
func (d *Driver) hideTree(dir string, since time.Time, dry bool) (bool, error) {
	d.act.Lock()
	defer d.act.Unlock()
	info, err := os.Stat(dir)
	if err != nil || !info.ModTime().Before(since) || d.runsFrom(filepath.Base(dir)) {
		return false, nil //nolint:nilerr // it went by itself
	}
	if dry {
		return true, nil
	}
	return true, os.Rename(dir, hidden(dir))
}

// hidden is a tree's name while it goes; whoever opens the driver clears it away.
func hidden(dir string) string {
	return filepath.Join(filepath.Dir(dir), ".gone-"+filepath.Base(dir))
}

func (d *Driver) runsFrom(tree string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, i := range d.instances {
		if i.spec.Tree == tree {
			return true
		}
	}
	return false
}

func sizeOf(dir string) (bytes int64) {
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // what cannot be read is not counted
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			bytes += info.Size()
		}
		return nil
	})
	return bytes
}
