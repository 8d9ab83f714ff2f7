package blob

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
)

// MaxRead bounds what ReadRange returns.
const MaxRead = 4 << 20

// Get opens a blob and tells its size. The caller closes it.
func (s *Store) Get(_ context.Context, key string) (io.ReadCloser, int64, error) {
	f, size, err := s.open(key)
	if err != nil {
		return nil, 0, err
	}
	return f, size, nil
}

// ReadRange returns the bytes of a blob from offset on, at most length and at
// most MaxRead of them: fewer at its end, none after it.
func (s *Store) ReadRange(_ context.Context, key string, offset, length int64) ([]byte, error) {
	if offset < 0 || length < 0 {
		return nil, slipway.Errorf(slipway.Invalid, "a range cannot be negative: %d bytes from %d", length, offset)
	}
	f, size, err := s.open(key)
	if err != nil {
		return nil, err
	}
	p := make([]byte, max(0, min(length, MaxRead, size-offset)))
	_, err = io.ReadFull(io.NewSectionReader(f, offset, int64(len(p))), p)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, failed(err, "read a blob")
	}
	return p, nil
}

// Exists tells the size of a blob, and whether it is there.
func (s *Store) Exists(_ context.Context, key string) (size int64, exists bool, err error) {
	if err := checkKey(key); err != nil {
		return 0, false, err
	}
	info, err := s.root.Lstat(key)
	switch {
	case slipway.CodeOf(absent(err, key)) == slipway.NotFound:
		return 0, false, nil
	case err != nil:
		return 0, false, failed(err, "look for a blob")
	}
	return info.Size(), info.Mode().IsRegular(), nil
}

func (s *Store) open(key string) (*os.File, int64, error) {
	if err := checkKey(key); err != nil {
		return nil, 0, err
	}
	f, err := s.root.Open(key)
	if err != nil {
		return nil, 0, failed(absent(err, key), "read a blob")
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() { // part of the key of another blob
		err = absent(fs.ErrNotExist, key)
	}
	if err != nil {
		return nil, 0, failed(errors.Join(err, f.Close()), "read a blob")
	}
	return f, info.Size(), nil
}

// Info is a blob in a list.
type Info struct {
	Key  string
	Size int64
	At   time.Time // when it was put, or touched, last
}

// List returns the blobs whose keys begin with prefix, sorted by key. "" lists
// all.
func (s *Store) List(ctx context.Context, prefix string) ([]Info, error) {
	if prefix != "" {
		if err := checkKey(strings.TrimSuffix(prefix, "/")); err != nil {
			return nil, err
		}
	}
	var all []Info
	start := path.Dir(prefix) // the deepest directory that all of them are in
	err := fs.WalkDir(s.root.FS(), start, func(name string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // deleted while we walk
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case name == incoming, d.IsDir() && name != start && !strings.HasPrefix(name+"/", prefix) && !strings.HasPrefix(prefix, name+"/"):
			return fs.SkipDir
		case !d.Type().IsRegular() || !strings.HasPrefix(name, prefix):
			return nil
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			all = append(all, Info{Key: name, Size: info.Size(), At: info.ModTime()})
		}
		return err
	})
	slices.SortFunc(all, func(a, b Info) int { return strings.Compare(a.Key, b.Key) })
	return all, failed(err, "list blobs")
}
