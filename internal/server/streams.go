package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/server/auth"
)

// streams registers the calls whose answer may not end by itself.
func (s *Server) streams(on huma.API) {
	stream(s, on, "get-job-log", "/jobs/{id}/log", "The log of a job's newest attempt", s.jobLog)
	stream(s, on, "get-logs", "/targets/{service}/{environment}/logs", "What the instances print", s.logs)
	stream(s, on, "list-events", "/events", "What happened: a page as JSON, or with follow server-sent events", s.events)
}

// answer writes a stream; an error it returns ends it.
type answer func(ctx context.Context, w *flushed) error

// stream registers a call that checks what is asked, and then answers bit by
// bit. It ends when its token does.
func stream[I any](s *Server, on huma.API, id, path, summary string, fn func(context.Context, *I) (answer, error)) {
	huma.Register(on, operation(on, http.MethodGet, id, path, summary), func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
		write, err := fn(ctx, in)
		if err != nil {
			return nil, fail(s.Log, err)
		}
		select {
		case s.open <- struct{}{}:
		default:
			return nil, fail(s.Log, slipway.Errorf(slipway.Unavailable, "%d streams are open already", s.MaxStreams).Do("close one and try again"))
		}
		token := from(ctx).token
		return &huma.StreamResponse{Body: func(h huma.Context) {
			defer func() { <-s.open }()
			ctx, stop := auth.While(h.Context(), recheck, func(ctx context.Context) error {
				_, err := s.Auth.Authenticate(ctx, token)
				return err
			})
			defer stop()
			_, w := humago.Unwrap(h)
			w.Header().Set("X-Accel-Buffering", "no")
			if err := write(ctx, &flushed{w, http.NewResponseController(w)}); err != nil && h.Context().Err() == nil {
				s.Log.Warn("a stream ended early", "path", path, "err", errors.Join(err, context.Cause(ctx)))
				// The client must see that this is not the end.
				panic(http.ErrAbortHandler)
			}
		}}, nil
	})
}

// flushed sends every write at once. A client that does not take it is given up.
type flushed struct {
	http.ResponseWriter
	control *http.ResponseController
}

func (f *flushed) Write(b []byte) (int, error) {
	_ = f.control.SetWriteDeadline(time.Now().Add(patience)) // a recorder in a test has none
	n, err := f.ResponseWriter.Write(b)
	if err == nil {
		err = f.control.Flush()
	}
	return n, err
}

func (f *flushed) begin(contentType string) error {
	f.Header().Set("Content-Type", contentType)
	return f.control.Flush()
}
