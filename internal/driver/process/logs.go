package process

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

const (
	endedLogs   = 50        // forgotten instances whose end of the log is kept
	endedBytes  = 256 << 10 // of each
	followEvery = 100 * time.Millisecond
)

// Logs reads out.log; of an instance that is forgotten, the end that was kept.
func (d *Driver) Logs(ctx context.Context, t slipway.TargetID, id slipway.InstanceID, tail int, follow bool) (io.ReadCloser, error) {
	i, err := d.find(t, id)
	if err != nil {
		return nil, err
	}
	over := func() bool { return true }
	if i != nil {
		over = func() bool { return d.status(i).Phase == slipway.InstanceStopped }
	}
	f, err := d.openLog(t, id, i)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, slipway.Errorf(slipway.NotFound, "no instance %q of %s", id, t)
	case err != nil:
		return nil, explain("read a log", err)
	}
	if err := seekTail(f, tail); err != nil {
		_ = f.Close()
		return nil, explain("read a log", err)
	}
	if !follow {
		return f, nil
	}
	return &follower{ctx, f, over}, nil
}

// openLog finds the log of i, or the end that was kept of it: i is nil when it
// is forgotten, and it may be meanwhile.
func (d *Driver) openLog(t slipway.TargetID, id slipway.InstanceID, i *instance) (*os.File, error) {
	if i != nil {
		// It has not printed anything when it has not been started yet.
		f, err := os.OpenFile(filepath.Join(i.dir, logFile), os.O_RDONLY|os.O_CREATE, 0o600)
		if !errors.Is(err, os.ErrNotExist) {
			return f, err
		}
	}
	return os.Open(d.endedLog(t, id))
}

// follower waits for more where a file would say that it has ended.
type follower struct {
	ctx  context.Context
	f    *os.File
	over func() bool // nothing comes any more
}

func (l *follower) Read(p []byte) (int, error) {
	for {
		over := l.over() // before reading: what came until then is read
		n, err := l.f.Read(p)
		if n > 0 || !errors.Is(err, io.EOF) || over {
			return n, err
		}
		select {
		case <-time.After(followEvery):
		case <-l.ctx.Done():
			return 0, io.EOF
		}
	}
}

func (l *follower) Close() error { return l.f.Close() }

// seekTail goes to the start of the last n lines that are kept, all of them
// when n < 0.
func seekTail(f *os.File, n int) error {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if n == 0 {
		return nil
	}
	kept, err := f.Seek(firstKept(f, size), io.SeekStart)
	if err != nil || n < 0 {
		return err
	}
	block := make([]byte, 64<<10)
	for end := size; end > kept; {
		start := max(kept, end-int64(len(block)))
		part := block[:end-start]
		if _, err := f.ReadAt(part, start); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		for at := bytes.LastIndexByte(part, '\n'); at >= 0; at = bytes.LastIndexByte(part[:at], '\n') {
			if start+int64(at) == size-1 {
				continue // ends the last line
			}
			if n--; n <= 0 {
				_, err := f.Seek(start+int64(at)+1, io.SeekStart)
				return err
			}
		}
		end = start
	}
	return nil
}

// firstKept is where the first whole line starts that was not dropped.
func firstKept(f *os.File, size int64) int64 {
	start := size - logKept
	if start <= 0 {
		return 0
	}
	block := make([]byte, 64<<10)
	n, _ := f.ReadAt(block, start)
	return start + int64(bytes.IndexByte(block[:n], '\n')) + 1
}

func (d *Driver) endedLog(t slipway.TargetID, id slipway.InstanceID) string {
	name := fmt.Sprintf("%s.%s.%s.log", t.Service, t.Environment, id)
	return filepath.Join(d.dir, "ended", filepath.Base(name))
}

// keepLog saves the end of what i has printed, and drops the oldest that were
// saved before.
func (d *Driver) keepLog(i *instance) error {
	f, err := os.Open(filepath.Join(i.dir, logFile))
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		return err
	}
	defer func() { _ = f.Close() }()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	end := make([]byte, min(size, endedBytes))
	if _, err := f.ReadAt(end, size-int64(len(end))); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := os.WriteFile(d.endedLog(i.spec.Target, i.spec.ID), end, 0o600); err != nil {
		return err
	}
	return d.pruneLogs()
}

func (d *Driver) pruneLogs() error {
	entries, err := os.ReadDir(filepath.Join(d.dir, "ended"))
	if err != nil {
		return err
	}
	age := map[string]time.Time{}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			age[e.Name()] = info.ModTime()
		}
	}
	slices.SortFunc(entries, func(a, b os.DirEntry) int {
		return cmp.Or(age[b.Name()].Compare(age[a.Name()]), cmp.Compare(a.Name(), b.Name()))
	})
	for _, old := range entries[min(len(entries), endedLogs):] {
		err = errors.Join(err, os.Remove(filepath.Join(d.dir, "ended", old.Name())))
	}
	return err
}
