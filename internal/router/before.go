package router

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/slipway-cd/slipway/internal/router/wire"
)

// Those before this process may still serve what they had. They are named to the
// server until they have ended, and remembered on disk in case this one ends
// first.

func (m *memory) beforePath() string { return filepath.Join(m.dir, "before.json") }

// loadBefore reads which processes were before this one. One that cannot be
// read names nobody.
func (m *memory) loadBefore() (all []wire.Process, err error) {
	text, err := os.ReadFile(m.beforePath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	return living(all), err
}

func (m *memory) saveBefore(all []wire.Process) error {
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return m.replace(m.beforePath(), text)
}

func living(all []wire.Process) []wire.Process {
	return slices.DeleteFunc(slices.Clone(all), func(p wire.Process) bool { return p.Gone() })
}

// dismiss has those before stop, as this process is about to: nothing of a router
// that is stopped serves on. What it returns waits for their end.
func (r *Router) dismiss(ctx context.Context) (wait func()) {
	r.mu.Lock()
	all := living(r.before)
	r.mu.Unlock()
	for _, p := range all {
		_ = p.Signal(syscall.SIGTERM) // it has ended
	}
	return func() { r.until(ctx, 2*goodbye, func() bool { return len(living(all)) == 0 }) }
}

// bereaved forgets those before that have ended. It reports whether one had, or
// ctx has.
func (r *Router) bereaved(ctx context.Context) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	left := living(r.before)
	if len(left) == len(r.before) {
		return ctx.Err() != nil
	}
	r.before = left
	r.news()
	return true
}
