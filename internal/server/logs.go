package server

import (
	"context"
	"io"
	"time"

	"github.com/slipway-cd/slipway"
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
	out, offset := s.hidingLog(ctx, w, b.Push.Repository, offset)
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
			if offset, err = s.copyLog(ctx, out, id, attempt, offset); err != nil {
				return err
			}
		}
		if j.State.Ended() {
			return out.Flush()
		}
		if !follow {
			return nil // what is held back now is told when it is known not to be the beginning of a secret
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
