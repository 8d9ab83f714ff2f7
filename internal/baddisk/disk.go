// Package baddisk gives tests a disk that fails when they say so: what is written
// to it ends with an input/output error (EIO), until it is mended.
//
//	file ─► loop device ─► ext4, where there is a file ─► loop device ─► ext4, the disk
//	                                              file ─► loop device ─► its journal
//
// While it fails the file in the middle may not be written to. What was on the
// disk before can still be read, and the journal is elsewhere: without it a file
// system gives up.
package baddisk

import (
	"os"
	"testing"
	"time"
)

// Disk is a file system at Dir until the test ends.
type Disk struct {
	Dir string

	below, disk layer
	file        *os.File // that the disk is in
	journal     *os.File // a loop device, too
}

// layer is a file system in a file.
type layer struct {
	dir    string
	device *os.File // a loop device, that ends when nobody has it open
}

// Mount makes a disk of so many bytes. Where that may not be done (without root,
// or not on Linux) the test skips by name; in CI that is an error.
func Mount(t testing.TB, bytes int64) *Disk {
	t.Helper()
	d := &Disk{below: layer{dir: t.TempDir()}, disk: layer{dir: t.TempDir()}}
	d.Dir = d.disk.dir
	t.Cleanup(func() {
		if err := d.end(); err != nil {
			t.Error("unmount:", err)
		}
	})
	if err := d.make(t.TempDir(), bytes); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("a disk that fails cannot be made:", err)
		}
		t.Skip("a disk that fails cannot be made here:", err)
	}
	return d
}

// Break has whatever is written to the disk fail from now on.
func (d *Disk) Break(t testing.TB) {
	t.Helper()
	d.sync() // what the kernel writes by itself, later, is nobody's to hear of
	if err := d.refuse(true); err != nil {
		t.Fatal("the disk does not fail:", err)
	}
}

// Mend ends that.
func (d *Disk) Mend(t testing.TB) {
	t.Helper()
	if err := d.refuse(false); err != nil {
		t.Fatal("the disk fails still:", err)
	}
}

// Again forgets whatever of the disk is in the kernel's memory alone: it is
// unmounted, checked and mounted. Nobody may have it open.
func (d *Disk) Again(t testing.TB) {
	t.Helper()
	err := d.disk.leave()
	if err == nil {
		err = d.disk.check()
	}
	if err == nil {
		err = d.disk.mount()
	}
	if err != nil {
		t.Fatal("mount it again:", err)
	}
}

// leave unmounts it. The kernel may still be closing what ended.
func (l *layer) leave() error {
	err := l.unmount()
	for start := time.Now(); err != nil && time.Since(start) < 5*time.Second; time.Sleep(10 * time.Millisecond) {
		err = l.unmount()
	}
	return err
}
