package process

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/slipway-cd/slipway"
)

const followEvery = 100 * time.Millisecond

// Logs reads out.log; of an instance that is forgotten, the end that was kept.
func (d *Driver) Logs(ctx context.Context, t slipway.TargetID, id slipway.InstanceID, tail int, follow bool) (io.ReadCloser, error) {
	return d.LogsSince(ctx, t, id, time.Time{}, tail, follow)
}

// LogsSince is Logs without what was printed before a moment, to the second.
func (d *Driver) LogsSince(ctx context.Context, t slipway.TargetID, id slipway.InstanceID, since time.Time, tail int, follow bool) (io.ReadCloser, error) {
	i, err := d.find(t, id)
	if err != nil {
		return nil, err
	}
	over := func() bool { return true }
	if i != nil {
		over = func() bool { return d.status(i).Phase == slipway.InstanceStopped }
	}
	f, printed, err := d.openLog(t, id, i)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, slipway.Errorf(slipway.NotFound, "no instance %q of %s", id, t)
	case err != nil:
		return nil, explain("read a log", err)
	}
	if err := seekTail(f, printed, since, tail); err != nil {
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
func (d *Driver) openLog(t slipway.TargetID, id slipway.InstanceID, i *instance) (*os.File, *times, error) {
	if i != nil {
		// It has not printed anything when it has not been started yet.
		f, err := os.OpenFile(filepath.Join(i.dir, logFile), os.O_RDONLY|os.O_CREATE, 0o600)
		if !errors.Is(err, os.ErrNotExist) {
			return f, recallTimes(filepath.Join(i.dir, timesFile)), err
		}
	}
	path := d.endedLog(t, id)
	f, err := os.Open(path)
	return f, recallTimes(path + timesSuffix), err
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
// when n < 0, and were printed since then.
func seekTail(f *os.File, printed *times, since time.Time, n int) error {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if n == 0 {
		return nil
	}
	begin := min(printed.dropped(), size)
	from := max(begin, size-logKept)
	if !since.IsZero() {
		from = max(from, min(printed.before(since), size))
	}
	if from > begin {
		from = lineAt(f, from)
	}
	kept, err := f.Seek(from, io.SeekStart)
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

// lineAt is where the first line starts from at on.
func lineAt(f *os.File, at int64) int64 {
	block := make([]byte, 64<<10)
	n, _ := f.ReadAt(block, at-1)
	return at + max(0, int64(bytes.IndexByte(block[:n], '\n'))) // what has no end of a line is shown all the same
}
