package daemon

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/procid"
)

// A lock keeps a data directory to one supervisor (or one server). The kernel
// drops it when its holder ends, however it ends.
type lock struct{ file *os.File }

// lockData takes the lock called name. A Conflict error names who holds it.
func (d Data) lockData(name string) (*lock, error) {
	f, err := os.OpenFile(filepath.Join(d.run(), name+".lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, slipway.Errorf(slipway.Unavailable, "cannot open the lock of %s: %w", d.Dir, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer func() { _ = f.Close() }()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, slipway.Errorf(slipway.Unavailable, "cannot lock %s: %w", d.Dir, err)
		}
		holder, _ := d.holder(name)
		return nil, slipway.Errorf(slipway.Conflict, "slipway %s runs on %s already (process %d)", name, d.Dir, holder.PID).
			Do("look at it: slipway status · end it: slipway down · or use another directory: --data DIR")
	}
	text, err := json.Marshal(procid.Self())
	if err == nil {
		_, err = f.WriteAt(text, 0) // in place: a full disk lets us in again
	}
	if err == nil {
		err = f.Truncate(int64(len(text)))
	}
	if err != nil {
		_ = f.Close()
		return nil, slipway.Errorf(slipway.Unavailable, "cannot write the lock of %s: %w", d.Dir, err)
	}
	return &lock{f}, nil
}

// holder is who last took the lock called name; it may have ended.
func (d Data) holder(name string) (procid.ID, error) {
	var id procid.ID
	f, err := os.Open(filepath.Join(d.run(), name+".lock"))
	if err != nil {
		return id, err
	}
	defer func() { _ = f.Close() }()
	return id, json.NewDecoder(io.LimitReader(f, 1<<10)).Decode(&id)
}

func (l *lock) release() { _ = l.file.Close() }
