package git

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-cd/slipway"
)

// A mark is a file that says who pushes to a repository now. It is locked by the
// server that takes the push; one that nobody locks is of a server that died, and
// what its push has changed is delivered by another, in the pusher's name.
//
//	push-… (locked) ─► removed: its hook has told, or there was nothing to tell
//	       └─ server died ─► left-… ─► looked for, until git must have ended ─► removed
type mark struct {
	file       *os.File
	path       string
	Repository slipway.RepositoryName `json:"repository"`
	By         slipway.Principal      `json:"by"`
}

const (
	marking, pushMark, leftMark = ".", "push-", "left-" // beginnings of their names

	watchEvery = 5 * time.Second  // for marks of servers that died
	leftFor    = 30 * time.Second // git ends soon after its server, but not with it
	maxMark    = 64 << 10
)

func (s *Server) marks() string { return filepath.Join(s.root(), ".pushes") }

// mark says that a push begins.
func (s *Server) mark(name slipway.RepositoryName, by slipway.Principal) (*mark, error) {
	m := &mark{Repository: name, By: by}
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	if m.file, err = os.CreateTemp(s.marks(), marking); err != nil {
		return nil, err
	}
	hidden := m.file.Name()
	m.path = filepath.Join(s.marks(), pushMark+strings.TrimPrefix(filepath.Base(hidden), marking))
	_, err = m.file.Write(text)
	if err == nil {
		err = unix.Flock(int(m.file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err == nil {
		err = os.Rename(hidden, m.path) // locked before anybody sees it
	}
	if err != nil {
		return nil, errors.Join(err, os.Remove(hidden), m.file.Close())
	}
	return m, nil
}

// end ends the lock; a push that was not told stays marked.
func (m *mark) end(told bool) {
	if m == nil {
		return
	}
	if told {
		_ = os.Remove(m.path)
	}
	_ = m.file.Close()
}

// Watch delivers what pushes have changed whose server died, until ctx ends.
func (s *Server) Watch(ctx context.Context) error {
	for {
		s.adopt(ctx)
		select {
		case <-time.After(watchEvery):
		case <-ctx.Done():
			return nil
		}
	}
}

// adopt looks at the marks that nobody locks. What cannot be delivered now is
// looked for again.
func (s *Server) adopt(ctx context.Context) {
	files, err := os.ReadDir(s.marks())
	for _, f := range files {
		if name := f.Name(); strings.HasPrefix(name, pushMark) || strings.HasPrefix(name, leftMark) {
			err = errors.Join(err, s.adoptOne(ctx, filepath.Join(s.marks(), name)))
		}
	}
	if err != nil && ctx.Err() == nil {
		s.Log.Error("looking for pushes whose server died", "err", err)
	}
}

func (s *Server) adoptOne(ctx context.Context, path string) error {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return nil // its server lives, or another one looks already
	} else if err != nil {
		return err
	}
	found, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) { // whoever had it locked has done what there was to do
		return nil
	} else if err != nil {
		return err
	}
	var m mark
	if err := json.NewDecoder(io.LimitReader(file, maxMark)).Decode(&m); err != nil || m.Repository.Validate() != nil || !s.exists(m.Repository) {
		return os.Remove(path) // cut off by a crash, or of what is gone
	}
	old := time.Since(found.ModTime()) > leftFor
	if name := filepath.Base(path); strings.HasPrefix(name, pushMark) {
		left := filepath.Join(s.marks(), leftMark+strings.TrimPrefix(name, pushMark))
		now := time.Now()
		if err := errors.Join(os.Chtimes(path, now, now), os.Rename(path, left)); err != nil {
			return err
		}
		s.Log.Info("a push lost its server", "repository", m.Repository, "by", m.By.Actor.Name)
		path, old = left, false
	}
	err = s.reconcile(ctx, m.Repository, m.By)
	if slipway.CodeOf(err) == slipway.Unavailable { // others push there: later
		return nil
	}
	if err == nil && old {
		err = os.Remove(path)
	}
	return err
}
