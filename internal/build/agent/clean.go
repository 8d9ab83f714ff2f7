package agent

import (
	"io/fs"
	"os"
	"path/filepath"
)

// removeAll removes a folder even when something in it is read-only, as Go's
// module cache is.
func removeAll(dir string) error {
	if err := os.RemoveAll(dir); err == nil {
		return nil
	}
	_ = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(name, 0o700) //nolint:gosec // it is about to be removed
		}
		return nil
	})
	return os.RemoveAll(dir)
}
