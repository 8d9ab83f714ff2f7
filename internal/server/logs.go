package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// jobLog answers with the log as it was written, so that an offset means the
// same byte each time; whoever shows it makes it safe.
func (s *Server) jobLog(ctx context.Context, in *struct {
	ID     string `path:"id"`
	Offset int64  `query:"offset" minimum:"0" doc:"In bytes"`
	Follow bool   `query:"follow" doc:"Until the attempt ends"`
}) (answer, error) {
	id := slipway.JobID(in.ID)
	build, err := s.Store.BuildOfJob(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := mayReadLog(from(ctx).Principal, build); err != nil {
		return nil, err
	}
	return func(ctx context.Context, w *flushed) error {
		if err := w.begin("text/plain; charset=utf-8"); err != nil {
			return err
		}
		return s.followLog(ctx, w, build, id, in.Offset, in.Follow)
	}, nil
}

// JobLog writes the log of a job's newest attempt to w, from its first byte
// until the job has ended. An unknown job is NotFound.
func (s *Server) JobLog(ctx context.Context, id slipway.JobID, w io.Writer) error {
	build, err := s.Store.BuildOfJob(ctx, id)
	if err != nil {
		return err
	}
	return s.followLog(ctx, w, build, id, 0, true)
}

// followLog writes the log of one attempt: to what there is, or until the job
// has ended.
func (s *Server) followLog(ctx context.Context, w io.Writer, build slipway.BuildID, id slipway.JobID, offset int64, follow bool) error {
	b, err := s.Store.Build(ctx, build)
	if err != nil {
		return err
	}
	ended, stop := s.Waker.Listen("build/" + b.Slug())
	defer stop()
	grown, stop := s.Waker.Listen("log/" + string(id))
	defer stop()
	for attempt := 0; ; {
		// The state is read before the log: what has ended has all of its log.
		b, err := s.Store.Build(ctx, build)
		if err != nil {
			return err
		}
		j := b.Job(id)
		if j == nil {
			return nil
		}
		if a := j.Last(); a != nil {
			if attempt != 0 && a.Number != attempt {
				return nil // its attempt was lost and another has begun
			}
			attempt = a.Number
			if offset, err = s.copyLog(ctx, w, id, attempt, offset); err != nil {
				return err
			}
		}
		if !follow || j.State.Ended() {
			return nil
		}
		select {
		case <-ended:
		case <-grown:
		case <-time.After(lookAgain):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// copyLog writes what there is of a log from offset on, and returns where to go
// on.
func (s *Server) copyLog(ctx context.Context, w io.Writer, id slipway.JobID, attempt int, offset int64) (int64, error) {
	for {
		data, next, err := s.View.Jobs.Log(ctx, id, attempt, offset)
		if err != nil || next == offset {
			return offset, err
		}
		if _, err := w.Write(data); err != nil {
			return offset, err
		}
		offset = next
	}
}

const (
	defaultTail = 100
	maxTail     = 10000
	maxMerged   = 200 // instances whose output is merged in one answer
)

// logs merges what the instances of a target print, line by line; each line
// says whose it is when there may be several.
func (s *Server) logs(ctx context.Context, in *struct {
	TargetPath
	Instance string `query:"instance" doc:"Only this one"`
	Tail     int    `query:"tail" minimum:"0" doc:"Lines of each that were printed before; 0 means 100"`
	Follow   bool   `query:"follow" doc:"And what comes"`
}) (answer, error) {
	id, err := s.target(ctx, in.TargetPath)
	if err != nil {
		return nil, err
	}
	if err := s.mayReadOutput(ctx, from(ctx).Principal, id); err != nil {
		return nil, err
	}
	tail := min(in.Tail, maxTail)
	if tail == 0 {
		tail = defaultTail
	}
	if in.Instance != "" {
		r, err := s.View.Output.Logs(ctx, id, slipway.InstanceID(in.Instance), tail, false)
		if err != nil {
			return nil, err
		}
		_ = r.Close()
	} else if _, err := s.Store.Target(ctx, id); err != nil {
		return nil, err
	}
	return func(ctx context.Context, w *flushed) error {
		if err := w.begin("text/plain; charset=utf-8"); err != nil {
			return err
		}
		m := &merged{to: w}
		if in.Instance != "" {
			return s.copyOutput(ctx, m, id, api.Instance{ID: in.Instance}, "", tail, in.Follow)
		}
		return s.mergeOutput(ctx, m, id, tail, in.Follow)
	}, nil
}

// mergeOutput copies the output of every instance, and with follow of those
// that come later.
func (s *Server) mergeOutput(ctx context.Context, m *merged, id slipway.TargetID, tail int, follow bool) error {
	ctx, cancel := context.WithCancel(ctx)
	var copies sync.WaitGroup
	defer copies.Wait()
	defer cancel()
	seen := map[string]bool{}
	for first := true; ; first = false {
		t, err := s.View.Target(ctx, id)
		if err != nil {
			return err
		}
		for _, i := range t.Instances {
			if seen[i.ID] || len(seen) == maxMerged {
				continue
			}
			seen[i.ID] = true
			if !follow {
				if err := s.copyOutput(ctx, m, id, i, i.ID+"  ", tail, false); err != nil {
					return err
				}
				continue
			}
			lines := tail
			if !first {
				lines = -1 // it began while we watched: all of it
			}
			copies.Go(func() {
				if err := s.copyOutput(ctx, m, id, i, i.ID+"  ", lines, true); err != nil && ctx.Err() == nil {
					s.Log.Warn("reading what an instance prints", "instance", i.ID, "err", err)
				}
			})
		}
		if !follow {
			return nil
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := m.failed(); err != nil {
			return err
		}
	}
}

func (s *Server) copyOutput(ctx context.Context, m *merged, id slipway.TargetID, i api.Instance, prefix string, tail int, follow bool) error {
	r, err := s.View.Output.Logs(ctx, id, slipway.InstanceID(i.ID), tail, follow)
	if slipway.CodeOf(err) == slipway.NotFound {
		return nil // it went between being seen and being read
	}
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	defer context.AfterFunc(ctx, func() { _ = r.Close() })()
	lines := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := lines.ReadSlice('\n')
		if len(line) > 0 {
			if err := m.line(prefix, line); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// merged writes whole lines of several sources to one answer.
type merged struct {
	mu  sync.Mutex
	to  io.Writer
	err error
}

func (m *merged) line(prefix string, line []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	end := "\n"
	if line[len(line)-1] == '\n' {
		end = ""
	}
	_, m.err = fmt.Fprintf(m.to, "%s%s%s", prefix, line, end)
	return m.err
}

func (m *merged) failed() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}
