//go:build !linux

package cgroup

import (
	"errors"
	"runtime"
	"syscall"
	"time"
)

// Own says that this system has no control groups.
func Own() (Home, error) { return Home{}, errors.New(runtime.GOOS + " has no control groups") }

func (g Group) start(*syscall.SysProcAttr, func() error) error {
	_, err := Own()
	return err
}

func (g Group) join(sys *syscall.SysProcAttr, start func() error) error { return g.start(sys, start) }

// Exists is false: there are none.
func (g Group) Exists() bool { return false }

// Members are none.
func (g Group) Members() map[int]bool { return nil }

// Ran is not known.
func (g Group) Ran() (time.Duration, error) {
	_, err := Own()
	return 0, err
}

// Room is without a limit.
func Room() (bytes int64, limited bool) { return 0, false }

// End has nothing to do.
func (g Group) End() error { return nil }
