package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/slipway-cd/slipway"
)

const (
	defaultTail = 100
	maxTail     = 10000
	maxMerged   = 200 // instances whose output is followed in one answer
	lastGone    = 3   // of those that are gone are shown when nothing runs
)

// recorder is an output that knows when something was printed, and keeps it when
// an instance is gone.
type recorder interface {
	Printed(ctx context.Context, t slipway.TargetID) ([]slipway.Output, error)
	LogsSince(ctx context.Context, t slipway.TargetID, i slipway.InstanceID, since time.Time, tail int, follow bool) (io.ReadCloser, error)
}

// outputWanted says what of the output of a target's instances is wanted.
type outputWanted struct {
	target slipway.TargetID
	tail   int
	since  time.Time // zero: however old it is
	follow bool
	asked  time.Time
}

// logs merges what the instances of a target print, line by line; each line
// says whose it is when there may be several.
func (s *Server) logs(ctx context.Context, in *struct {
	TargetPath
	Instance string    `query:"instance" doc:"Only this one, which may be gone"`
	Tail     int       `query:"tail" minimum:"0" doc:"Lines of each that were printed before; 0 means 100"`
	Since    time.Time `query:"since" doc:"Nothing older, to the second; instances that are gone, too"`
	Follow   bool      `query:"follow" doc:"And what comes, of instances that come as well"`
}) (answer, error) {
	id, err := s.target(ctx, in.TargetPath)
	if err != nil {
		return nil, err
	}
	if err := s.mayReadOutput(ctx, from(ctx).Principal, id); err != nil {
		return nil, err
	}
	want := outputWanted{id, min(in.Tail, maxTail), in.Since, in.Follow, time.Now()}
	if want.tail == 0 {
		want.tail = defaultTail
	}
	if in.Instance != "" {
		r, err := s.View.Output.Logs(ctx, id, slipway.InstanceID(in.Instance), want.tail, false)
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
			return s.copyOutput(ctx, m, want, slipway.InstanceID(in.Instance), "")
		}
		return s.mergeOutput(ctx, m, want)
	}, nil
}

// mergeOutput copies the output of every instance, who began first first, and
// with follow of those that come later, in the order in which lines come.
func (s *Server) mergeOutput(ctx context.Context, m *merged, want outputWanted) error {
	ctx, cancel := context.WithCancel(ctx)
	var copies sync.WaitGroup
	defer copies.Wait()
	defer cancel()
	places := make(chan struct{}, maxMerged)
	seen := map[slipway.InstanceID]bool{}
	for first := true; ; first = false {
		all, err := s.printing(ctx, want, first)
		if err != nil {
			return err
		}
		for _, i := range all {
			if seen[i] {
				continue
			}
			seen[i] = true
			of := want
			if !first {
				of.tail, of.since = -1, time.Time{} // it began while we watched: all of it
			}
			if !want.follow {
				if err := s.copyOutput(ctx, m, of, i, string(i)+"  "); err != nil {
					return err
				}
				continue
			}
			select {
			case places <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			copies.Go(func() {
				if err := s.copyOutput(ctx, m, of, i, string(i)+"  "); err != nil && ctx.Err() == nil {
					s.Log.Warn("reading what an instance prints", "instance", i, "err", err)
				}
				<-places
			})
		}
		if !want.follow {
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

// printing lists whose output is meant, who began first first: at first those
// that are there (or, when since says so, were there then), later those that
// have come since it was asked.
func (s *Server) printing(ctx context.Context, want outputWanted, first bool) ([]slipway.InstanceID, error) {
	past, ok := s.View.Output.(recorder)
	if !ok {
		t, err := s.View.Target(ctx, want.target)
		if err != nil {
			return nil, err
		}
		var all []slipway.InstanceID
		for _, i := range t.Instances {
			all = append(all, slipway.InstanceID(i.ID))
		}
		return all, nil
	}
	kept, err := past.Printed(ctx, want.target)
	if err != nil {
		return nil, err
	}
	since := want.asked
	if first && !want.since.IsZero() {
		since = want.since
	}
	var all, gone []slipway.InstanceID
	for _, o := range kept {
		switch {
		case o.Until.IsZero() || !o.Until.Before(since):
			all = append(all, o.Instance)
		case first && want.since.IsZero():
			gone = append(gone, o.Instance)
		}
	}
	if len(all) == 0 { // what ended last is what a person looks for
		all = gone[max(0, len(gone)-lastGone):]
	}
	return slices.Clip(all), nil
}

func (s *Server) copyOutput(ctx context.Context, m *merged, want outputWanted, i slipway.InstanceID, prefix string) error {
	r, err := s.readOutput(ctx, want, i)
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

func (s *Server) readOutput(ctx context.Context, want outputWanted, i slipway.InstanceID) (io.ReadCloser, error) {
	if past, ok := s.View.Output.(recorder); ok {
		return past.LogsSince(ctx, want.target, i, want.since, want.tail, want.follow)
	}
	return s.View.Output.Logs(ctx, want.target, i, want.tail, want.follow)
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
