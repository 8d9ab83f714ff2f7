package access

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"
)

// Log takes entries without making anybody wait: it gathers them, and Run writes
// them. While they cannot be written it drops what is too much, and says how
// many it has dropped.
type Log struct {
	to  io.Writer
	log *slog.Logger

	mu      sync.Mutex
	lines   []byte
	spare   []byte
	dropped int
	full    chan struct{}
}

const (
	flushEvery = 200 * time.Millisecond
	flushAt    = 64 << 10 // bytes
	mostKept   = 4 << 20  // bytes that wait to be written
)

// New makes a log that writes to w. A nil logger logs nothing.
func New(w io.Writer, log *slog.Logger) *Log {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Log{to: w, log: log, full: make(chan struct{}, 1)}
}

// Add takes one entry.
func (l *Log) Add(e Entry) {
	l.mu.Lock()
	if len(l.lines) >= mostKept {
		l.dropped++
	} else {
		l.lines = e.append(l.lines)
	}
	full := len(l.lines) >= flushAt
	l.mu.Unlock()
	if full {
		select {
		case l.full <- struct{}{}:
		default:
		}
	}
}

// Run writes entries until ctx ends, and then those that are left.
func (l *Log) Run(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for failed := false; ; {
		select {
		case <-ctx.Done():
			_ = l.flush()
			return
		case <-tick.C:
		case <-l.full:
		}
		err := l.flush()
		if err != nil && !failed {
			l.log.Error("the access log cannot be written; requests are served all the same", "error", err)
		}
		failed = err != nil
	}
}

// flush writes what was gathered. What cannot be written is lost: serving goes
// on, and a disk that is full does not fill memory as well.
func (l *Log) flush() error {
	l.mu.Lock()
	lines := l.lines
	l.lines, l.spare = l.spare[:0], nil
	if l.dropped > 0 {
		lines = fmt.Appendf(lines, "{\"time\":%q,\"dropped\":%d}\n", time.Now().UTC().Format(time.RFC3339Nano), l.dropped)
		l.dropped = 0
	}
	l.mu.Unlock()
	var err error
	if len(lines) > 0 {
		_, err = l.to.Write(lines)
	}
	if cap(lines) <= 2*flushAt {
		l.mu.Lock()
		l.spare = lines[:0]
		l.mu.Unlock()
	}
	return err
}
