package process

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"

	"github.com/slipway-cd/slipway/internal/cgroup"
)

// cgroup is the group that s's processes are to be in: its name follows from
// what is written of the instance, and is nobody else's.
func (d *Driver) cgroup(s Spec) cgroup.Group {
	mark := sha256.Sum256([]byte(s.Mark)) // the mark itself is not for all to see
	return d.home.Group(string(s.ID) + "-" + hex.EncodeToString(mark[:8]))
}

func (d *Driver) cgroupOf(i *instance) cgroup.Group {
	d.mu.Lock()
	defer d.mu.Unlock()
	return i.cgroup
}

// place writes down where i's next shim finds its places, when they are not
// where they were: the runtime directory has moved, or this driver is in another
// control group than the one before it. A group that exists stays the
// instance's: its processes are in there.
func (d *Driver) place(i *instance) error {
	spec := i.spec
	was := d.cgroupOf(i)
	spec.Socket, spec.Cgroup = d.socket(spec.ID), was
	if !was.Exists() {
		spec.Cgroup = d.cgroup(spec)
	}
	if spec.Socket == i.socket && spec.Cgroup == was {
		return nil
	}
	if err := saveJSONDurably(filepath.Join(i.dir, specFile), spec); err != nil {
		return err
	}
	i.socket = spec.Socket
	d.mu.Lock()
	i.cgroup = spec.Cgroup
	d.mu.Unlock()
	return nil
}
