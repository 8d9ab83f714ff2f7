package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// patience is how long killed processes may take to be gone. They are within
// moments, unless the kernel holds one.
const patience = 3 * time.Second

func (g Group) start(sys *syscall.SysProcAttr, start func() error) error {
	_ = os.Remove(string(g)) // when it is empty
	if err := os.Mkdir(string(g), 0o755); err != nil {
		return err
	}
	if err := g.check(); err != nil {
		return errors.Join(err, os.Remove(string(g)))
	}
	return g.join(sys, start)
}

func (g Group) join(sys *syscall.SysProcAttr, start func() error) error {
	if err := g.check(); err != nil {
		return err
	}
	dir, err := os.Open(string(g))
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	sys.UseCgroupFD, sys.CgroupFD = true, int(dir.Fd())
	defer func() { sys.UseCgroupFD, sys.CgroupFD = false, 0 }()
	return start()
}

// check refuses what is not a group of ours, whoever wrote that it was.
func (g Group) check() error {
	if !filepath.IsAbs(string(g)) || !strings.HasPrefix(filepath.Base(string(g)), prefix) || !isGroup(string(g)) {
		return fmt.Errorf("%s is no group of ours", g)
	}
	return nil
}

// Exists reports whether g has been made and not been removed.
func (g Group) Exists() bool {
	if g == "" {
		return false
	}
	_, err := os.Lstat(string(g))
	return !errors.Is(err, fs.ErrNotExist)
}

// End kills every process in g and below, and removes it. It returns when they
// are gone. A group that does not exist needs nothing.
func (g Group) End() error {
	if !g.Exists() {
		return nil
	}
	if err := g.check(); err != nil {
		return err
	}
	if err := g.empty(); err != nil && !removed(err) {
		return err
	}
	dirs := g.tree()
	slices.Reverse(dirs)
	for _, dir := range dirs {
		if err := os.Remove(dir); err != nil && !removed(err) {
			return err
		}
	}
	return nil
}

// removed reports whether a group is gone, which another may have seen to.
func removed(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) }

// empty kills until nobody is left.
func (g Group) empty() error {
	for until := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		inUse, err := g.populated()
		if !inUse || err != nil {
			return err
		}
		if time.Now().After(until) {
			return fmt.Errorf("processes in %s have been killed and do not end", g)
		}
		if err := g.strike(); err != nil {
			return err
		}
	}
}

// populated reports whether a living process is in g or below.
func (g Group) populated() (bool, error) {
	b, err := os.ReadFile(filepath.Join(string(g), "cgroup.events"))
	if err != nil {
		return false, err
	}
	return !strings.Contains(string(b), "populated 0"), nil
}

// strike kills all at once. Kernels before 5.14 cannot.
func (g Group) strike() error {
	f, err := os.OpenFile(filepath.Join(string(g), "cgroup.kill"), os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return g.strikeEach()
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString("1")
	return errors.Join(err, f.Close())
}

// strikeEach kills one after the other those that are in g or below now; they
// may have started others meanwhile. Who is held before, and in the group after
// that, cannot be a stranger with a number that was used again.
func (g Group) strikeEach() error {
	held := map[int]*os.Process{}
	for pid := range g.Members() {
		if p, err := os.FindProcess(pid); err == nil {
			held[pid] = p
		}
	}
	var errs []error
	still := g.Members()
	for pid, p := range held {
		if still[pid] {
			if err := p.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
				errs = append(errs, err)
			}
		}
		_ = p.Release()
	}
	return errors.Join(errs...)
}

// Members are the processes in g and below. Those that this process has no
// number for are left out.
func (g Group) Members() map[int]bool {
	all := map[int]bool{}
	for _, dir := range g.tree() {
		b, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		for line := range strings.Lines(string(b)) {
			var pid int
			if n, _ := fmt.Sscan(line, &pid); n == 1 && pid > 0 {
				all[pid] = true
			}
		}
	}
	return all
}

// tree is g and the groups below it, which processes in it have made; each
// after the one that it is in.
func (g Group) tree() []string {
	var dirs []string
	_ = filepath.WalkDir(string(g), func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, name)
		}
		return nil
	})
	return dirs
}
