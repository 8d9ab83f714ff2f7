package blob

import (
	"errors"
	"io/fs"
	"path"
	"time"
)

// abandonedAfter is longer than any upload takes: another process may be
// writing there.
const abandonedAfter = 24 * time.Hour

func (s *Store) sweep() error {
	const doing = "tidy the directory of blobs"
	if err := s.root.Mkdir(incoming, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return failed(err, doing)
	}
	entries, err := fs.ReadDir(s.root.FS(), incoming)
	if err != nil {
		return failed(err, doing)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && time.Since(info.ModTime()) > abandonedAfter {
			err = s.root.Remove(path.Join(incoming, e.Name()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return failed(err, doing)
		}
	}
	return nil
}
