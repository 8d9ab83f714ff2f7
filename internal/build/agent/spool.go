package agent

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/buildkite/agent/v3/api"
)

const (
	chunkBytes = 64 << 10
	flushAfter = 100 * time.Millisecond // a log line is on its way after so long
)

// spool is a log in a file, which one goroutine writes and another uploads: a
// server that is away for a while misses nothing and costs no memory.
type spool struct {
	file *os.File
	mu   sync.Mutex
	size int64
	over bool
	more chan struct{} // something was written, or it is over
}

// newSpool makes a spool in the folder dir, which it makes too.
func newSpool(dir string) (*spool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(dir, "log"), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	return &spool{file: file, more: make(chan struct{}, 1)}, nil
}

func (s *spool) Write(p []byte) (int, error) {
	n, err := s.file.Write(p)
	s.mu.Lock()
	s.size += int64(n)
	s.mu.Unlock()
	s.wake()
	return n, err
}

func (s *spool) end() {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.wake()
}

func (s *spool) wake() {
	select {
	case s.more <- struct{}{}:
	default:
	}
}

func (s *spool) state() (size int64, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size, s.over
}

func (s *spool) discard() { _ = s.file.Close() }

// upload sends the log in order until it is over. Send tries until the server
// has the chunk; it is the same each time.
func (s *spool) upload(ctx context.Context, send func(context.Context, *api.Chunk) error, most int64) error {
	if most <= 0 || most > chunkBytes {
		most = chunkBytes
	}
	at := int64(0)
	for sequence := uint64(1); ; sequence++ {
		n, err := s.next(ctx, at, most)
		if n == 0 || err != nil {
			return err
		}
		data := make([]byte, n)
		if _, err := s.file.ReadAt(data, at); err != nil {
			return err
		}
		chunk := &api.Chunk{Data: data, Sequence: sequence, Offset: uint64(at), Size: uint64(n)}
		if err := send(ctx, chunk); err != nil {
			return err
		}
		at += n
	}
}

// next waits until there is a chunk to send from at on, and says how long it is:
// a full one, or what there is shortly after the first byte. At the end it is 0.
func (s *spool) next(ctx context.Context, at, most int64) (int64, error) {
	var linger <-chan time.Time
	for {
		size, over := s.state()
		if n := size - at; over || n >= most {
			return min(n, most), nil
		} else if n > 0 && linger == nil {
			linger = time.After(flushAfter)
		}
		select {
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		case <-linger:
			size, _ := s.state()
			return min(size-at, most), nil
		case <-s.more:
		}
	}
}
