package baddisk

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// ext4 goes on after an error, as it is told to, and as long as it can write its
// journal. By default a block whose very first write has failed is lost at the
// next power cut, though it was written again and synced meanwhile: no program
// can know. The other options have it keep its word.
const options = "errors=continue,nodelalloc,nodioread_nolock"

const journalBytes = 16 << 20

func (d *Disk) make(dir string, bytes int64) (err error) {
	const itself = 32 << 20 // of the file system below
	image, err := create(filepath.Join(dir, "below"), bytes+bytes/8+itself)
	if err != nil {
		return err
	}
	defer func() { _ = image.Close() }()
	if err := d.below.make(image, ""); err != nil {
		return err
	}
	journal, err := create(filepath.Join(dir, "journal"), journalBytes)
	if err != nil {
		return err
	}
	defer func() { _ = journal.Close() }()
	if d.journal, err = attach(journal); err != nil {
		return err
	}
	if err := run("mkfs.ext4", "-q", "-F", "-b", "4096", "-O", "journal_dev", d.journal.Name()); err != nil {
		return err
	}
	if d.file, err = create(filepath.Join(d.below.dir, "disk"), bytes); err != nil {
		return err
	}
	return d.disk.make(d.file, d.journal.Name())
}

func create(name string, bytes int64) (*os.File, error) {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	return file, file.Truncate(bytes)
}

func run(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput() //nolint:noctx // on this machine
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return err
}

// make makes a file system in a file, with its journal elsewhere if that is said,
// and mounts it.
func (l *layer) make(file *os.File, journal string) (err error) {
	if l.device, err = attach(file); err != nil {
		return err
	}
	args := []string{"-q", "-F", "-b", "4096", "-E", "lazy_itable_init=0"}
	if journal != "" {
		args = append(args, "-J", "device="+journal)
	}
	if err := run("mkfs.ext4", append(args, l.device.Name())...); err != nil {
		return err
	}
	return l.mount()
}

// attach makes a block device of a file.
func attach(file *os.File) (*os.File, error) {
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = control.Close() }()
	for range 50 {
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, err
		}
		device, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", n), os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		config := unix.LoopConfig{Fd: uint32(file.Fd()), Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_AUTOCLEAR}}
		if err = unix.IoctlLoopConfigure(int(device.Fd()), &config); err == nil {
			return device, nil
		}
		_ = device.Close()
		if !errors.Is(err, unix.EBUSY) { // somebody else took it first
			return nil, err
		}
	}
	return nil, errors.New("no loop device is free")
}

func (l *layer) mount() error {
	return syscall.Mount(l.device.Name(), l.dir, "ext4", syscall.MS_NOATIME, options)
}

func (l *layer) unmount() error {
	err := syscall.Unmount(l.dir, 0)
	if errors.Is(err, unix.EINVAL) { // nothing is mounted there
		return nil
	}
	return err
}

// sync writes all that has to be written. It may tell of failures that are past.
func (d *Disk) sync() {
	if dir, err := os.Open(d.Dir); err == nil {
		_ = unix.Syncfs(int(dir.Fd()))
		_ = dir.Close()
	}
}

const immutable = 0x10 // FS_IMMUTABLE_FL of the kernel

// refuse makes the disk's file immutable, or ends that.
func (d *Disk) refuse(is bool) error {
	flags, err := unix.IoctlGetUint32(int(d.file.Fd()), unix.FS_IOC_GETFLAGS)
	if err != nil {
		return err
	}
	flags &^= immutable
	if is {
		flags |= immutable
	}
	return unix.IoctlSetPointerInt(int(d.file.Fd()), unix.FS_IOC_SETFLAGS, int(flags))
}

// check mends what was on its way when the disk failed.
func (l *layer) check() error {
	const mended = 1
	err := run("e2fsck", "-f", "-y", l.device.Name())
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == mended {
		return nil
	}
	return err
}

func (d *Disk) end() (err error) {
	if d.file != nil {
		err = d.refuse(false)
		_ = d.file.Close()
	}
	err = errors.Join(err, d.disk.end(), d.below.end())
	if d.journal != nil {
		_ = d.journal.Close()
	}
	return err
}

func (l *layer) end() error {
	err := l.leave()
	if l.device != nil {
		_ = l.device.Close()
	}
	return err
}
