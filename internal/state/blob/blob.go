// Package blob keeps bytes under keys, in a local directory: logs, and the
// layers and manifests of images. What Put has returned is durable; a key has
// all of its bytes or is not there.
//
// A key is a relative slash-separated path: "logs/JOB/1", "sha256/ab/abcd…".
// Errors carry a code of package slipway: NotFound for a key that is not there,
// Invalid for one that cannot be, Unavailable when the disk is full or fails.
package blob

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/slipway-cd/slipway"
)

// Store is an open directory of blobs. Its methods may be called from many
// goroutines; several processes may share the directory.
type Store struct {
	root *os.Root // whatever a key says, it cannot lead out of here
	gate *os.File // the directory of what has no name yet: its lock is held with mu

	mu      sync.Mutex      // held while a name is given or taken, and while an age is looked at or changed
	durable map[string]bool // directories whose own names are on the disk
}

// incoming is where blobs are written before they have a name. No key leads
// there: keys have no dot at the beginning of a part.
const incoming = ".incoming"

// Open opens the directory of blobs at dir, which is made when missing. What
// writers left behind when they were killed is swept up.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, failed(err, "make the directory of blobs")
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, failed(err, "open the directory of blobs")
	}
	s := &Store{root: root, durable: make(map[string]bool)}
	if err := s.sweep(); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	if s.gate, err = root.Open(incoming); err != nil {
		return nil, errors.Join(failed(err, "open the directory of blobs"), root.Close())
	}
	return s, nil
}

// Close ends the use of the directory. Readers that are open go on.
func (s *Store) Close() error { return errors.Join(s.gate.Close(), s.root.Close()) }

const maxKey = 512

// checkKey holds keys to what every file system and bucket can store, and what
// nobody can mistake.
func checkKey(key string) error {
	bad := key == "" || len(key) > maxKey
	for part := range strings.SplitSeq(key, "/") {
		bad = bad || part == "" || part[0] == '.' || len(part) > 200 || strings.ContainsFunc(part, notInKey)
	}
	if bad {
		return slipway.Errorf(slipway.Invalid, "%.80q cannot be the key of a blob", key)
	}
	return nil
}

func notInKey(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-_.:+=@", c)
}

// failed gives an error of the file system a code. Doing completes "could not …".
func failed(err error, doing string) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*slipway.Error](err); ok {
		return err
	}
	e := &slipway.Error{Code: slipway.Internal, Message: "could not " + doing, Err: err}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		e.Code, e.Message = slipway.Unavailable, "the disk is full: could not "+doing
		e.Next = "Free some space on the disk that holds Slipway's data, then try again."
	case errors.Is(err, syscall.EIO), errors.Is(err, syscall.EROFS):
		e.Code, e.Message = slipway.Unavailable, "the disk has failed: could not "+doing
		e.Next = "Look at the kernel's log (dmesg)."
	case errors.Is(err, fs.ErrPermission):
		e.Code, e.Message = slipway.Unavailable, "could not "+doing+": the data directory is not ours to write"
	}
	return e
}

// absent gives err the meaning "there is no such blob".
func absent(err error, key string) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return slipway.Errorf(slipway.NotFound, "there is no blob %q", key)
	}
	return err
}
