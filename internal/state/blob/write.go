package blob

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
)

// Put stores all of r under key, in place of what was there, and returns how
// many bytes that is. It is durable and visible as a whole when Put has
// returned; when Put fails, or is killed, the key is as it was before. An error
// of r is returned as it is.
func (s *Store) Put(ctx context.Context, key string, r io.Reader) (size int64, err error) {
	if err := checkKey(key); err != nil {
		return 0, err
	}
	const doing = "store a blob"
	temporary := path.Join(incoming, rand.Text())
	f, err := s.root.OpenFile(temporary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, failed(err, doing)
	}
	renamed := false
	defer func() {
		_ = f.Close() // closed already, when all went well
		if !renamed {
			_ = s.root.Remove(temporary) // the sweep finds it otherwise
		}
	}()

	source := &reader{ctx: ctx, r: r}
	size, err = io.Copy(f, source)
	if source.err != nil {
		return 0, source.err
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return 0, failed(err, doing)
	}
	if err := s.place(temporary, key); err != nil {
		return 0, failed(err, doing)
	}
	renamed = true
	return size, failed(s.syncDir(path.Dir(key)), doing)
}

// reader ends with the context, and tells an error of the source from one of
// the disk.
type reader struct {
	ctx context.Context
	r   io.Reader
	err error
}

func (r *reader) Read(p []byte) (n int, err error) {
	if err = r.ctx.Err(); err == nil {
		n, err = r.r.Read(p)
	}
	if err != nil && err != io.EOF { //nolint:errorlint // io.Reader's contract: EOF comes unwrapped
		r.err = err
	}
	return n, err
}

// place gives a written file its name.
func (s *Store) place(temporary, key string) error {
	release, err := s.hold()
	if err != nil {
		return err
	}
	defer release()
	if err := s.makeDir(path.Dir(key)); err != nil {
		return err
	}
	err = s.root.Rename(temporary, key)
	if errors.Is(err, fs.ErrNotExist) { // another process has removed the directory, which held nothing
		clear(s.durable)
		if err = s.makeDir(path.Dir(key)); err == nil {
			err = s.root.Rename(temporary, key)
		}
	}
	return err
}

// maxDurable bounds what is remembered; what was forgotten is synced again.
const maxDurable = 4096

// makeDir makes a directory whose name survives a power failure: each one's
// parent is synced, from the top.
func (s *Store) makeDir(dir string) error {
	if s.durable[dir] {
		return nil
	}
	if parent := path.Dir(dir); parent != dir {
		if err := s.makeDir(parent); err != nil {
			return err
		}
		if err := s.root.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := s.syncDir(parent); err != nil {
			return err
		}
	}
	if len(s.durable) >= maxDurable {
		clear(s.durable)
	}
	s.durable[dir] = true
	return nil
}

func (s *Store) syncDir(dir string) (err error) {
	d, err := s.root.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return d.Sync()
}
