package router

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/router/wire"
)

// memory is the router's directory: the table that it acknowledged last, and a
// lock, because two processes must not speak for one router.
type memory struct {
	dir  string
	lock *os.File
}

// kept is a table as it is on disk.
type kept struct {
	Epoch   uint64      `json:"epoch"`
	Version uint64      `json:"version"`
	Routes  []keptRoute `json:"routes"`

	Listeners []wire.Listener `json:"listeners,omitempty"`
}

// keptRoute is a route and the boot of this host in which it arrived.
type keptRoute struct {
	Boot  string        `json:"boot"`
	Route slipway.Route `json:"route"`
}

func openMemory(dir string) (*memory, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, slipway.Errorf(slipway.Unavailable, "the router's directory cannot be made: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, slipway.Errorf(slipway.Unavailable, "the router's directory cannot be used: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, slipway.Errorf(slipway.Conflict, "another router process uses %s", dir).
			Do("Stop it, or give this one a directory and an ID of its own.")
	}
	return &memory{dir: dir, lock: lock}, nil
}

func (m *memory) close() { _ = m.lock.Close() }

func (m *memory) path() string { return filepath.Join(m.dir, "table.json") }

// load reads the table that was kept; an empty one before the first.
func (m *memory) load() (kept, error) {
	text, err := os.ReadFile(m.path())
	if errors.Is(err, fs.ErrNotExist) {
		return kept{}, nil
	}
	if err != nil {
		return kept{}, err
	}
	var k kept
	err = json.Unmarshal(text, &k)
	return k, err
}

// save replaces the table so that, whatever happens when, either the old or the
// new one is there, whole.
func (m *memory) save(k kept) error {
	text, err := json.Marshal(k)
	if err != nil {
		return err
	}
	return m.replace(m.path(), text)
}

func (m *memory) replace(path string, text []byte) error {
	next := path + ".new"
	f, err := os.OpenFile(next, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		return err
	}
	dir, err := os.Open(m.dir)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	return dir.Sync()
}
