package cgroup

import (
	"path/filepath"
	"syscall"
)

// Home is the group that this process is in. Others are made below it.
type Home struct{ dir string }

// Group names a group. Nothing is made by that.
func (h Home) Group(name string) Group {
	if h == (Home{}) {
		return ""
	}
	return Group(filepath.Join(h.dir, prefix+filepath.Base(name)))
}

// prefix is how the names of all our groups begin. No other is ever touched.
const prefix = "slipway-"

// Group is a control group, named by its directory: who writes that down before
// the group is made, finds later whatever is left in it. The name is of this
// boot of the host. "" is no group, and whatever is asked of it is done.
type Group string

// Start calls start with sys set so that the process begins in g, which is made
// anew for that. Where that is refused it calls start again, with sys as it was, and
// outside says why the process is in no group of its own.
func (g Group) Start(sys *syscall.SysProcAttr, start func() error) (outside, err error) {
	return g.orOutside(g.start, sys, start)
}

// Join is Start in a group that exists: the process begins beside those that
// are in it.
func (g Group) Join(sys *syscall.SysProcAttr, start func() error) (outside, err error) {
	return g.orOutside(g.join, sys, start)
}

func (g Group) orOutside(inside func(*syscall.SysProcAttr, func() error) error, sys *syscall.SysProcAttr, start func() error) (outside, err error) {
	if g == "" {
		return nil, start()
	}
	if outside = inside(sys, start); outside == nil {
		return nil, nil
	}
	if err := start(); err != nil {
		return nil, err // so it was not for the group
	}
	return outside, nil
}
