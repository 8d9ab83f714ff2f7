package blob

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
)

// Delete removes a blob. One that is not there is deleted already.
func (s *Store) Delete(ctx context.Context, key string) error {
	_, _, err := s.DeleteOlder(ctx, key, time.Time{})
	return err
}

// Touch makes a blob as young as one that was just put: [Store.DeleteOlder]
// leaves it alone. Its error is NotFound when there is none.
func (s *Store) Touch(_ context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	release, err := s.hold()
	if err != nil {
		return failed(err, "touch a blob")
	}
	defer release()
	info, err := s.root.Lstat(key)
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err == nil {
		now := time.Now()
		err = s.root.Chtimes(key, now, now)
	}
	return failed(absent(err, key), "touch a blob")
}

// DeleteOlder removes a blob that was neither put nor touched since before; the
// zero time means at any age. Gone tells whether it did, and size what that
// freed. The removal is durable when it returns.
func (s *Store) DeleteOlder(_ context.Context, key string, before time.Time) (size int64, gone bool, err error) {
	const doing = "delete a blob"
	if err := checkKey(key); err != nil {
		return 0, false, err
	}
	size, gone, err = s.deleteOlder(key, before)
	if err != nil || !gone {
		return 0, false, failed(err, doing)
	}
	return size, true, failed(s.syncLeft(path.Dir(key)), doing)
}

func (s *Store) deleteOlder(key string, before time.Time) (int64, bool, error) {
	release, err := s.hold()
	if err != nil {
		return 0, false, err
	}
	defer release()
	info, err := s.root.Lstat(key)
	switch {
	case slipway.CodeOf(absent(err, key)) == slipway.NotFound:
		return 0, false, nil
	case err != nil:
		return 0, false, err
	case !info.Mode().IsRegular() || !before.IsZero() && !info.ModTime().Before(before):
		return 0, false, nil
	}
	if err := s.root.Remove(key); err != nil {
		return 0, false, err
	}
	// Directories that hold nothing any more go, too: as many keys, as many of
	// them. One that is not empty stays.
	for dir := path.Dir(key); strings.Contains(dir, "/") && s.root.Remove(dir) == nil; dir = path.Dir(dir) {
		delete(s.durable, dir)
	}
	return info.Size(), true, nil
}

// syncLeft makes a removal durable, in the deepest directory that is left.
func (s *Store) syncLeft(dir string) error {
	for {
		err := s.syncDir(dir)
		if !errors.Is(err, fs.ErrNotExist) || dir == "." {
			return err
		}
		dir = path.Dir(dir)
	}
}

// Folders lists the names of the directories right below that of a key.
func (s *Store) Folders(_ context.Context, key string) ([]string, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(s.root.FS(), key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, failed(err, "list blobs")
}
