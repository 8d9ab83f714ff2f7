package server

import (
	"context"
	"io"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/redact"
)

// hidingLog writes a log to w with secrets overwritten, so that an offset means
// the same byte each time. Who begins in the middle of a log could begin in the
// middle of a secret: it is to be written from where a secret that reaches over
// offset may have begun, which is returned; w gets what is from offset on.
func (s *Server) hidingLog(ctx context.Context, w io.Writer, r slipway.RepositoryName, offset int64) (*redact.Writer, int64) {
	var set *redact.Set
	if s.Hidden != nil {
		set = s.Hidden(ctx, r)
	}
	back := min(offset, int64(set.Longest()))
	return set.Blanker(&later{w, back}), offset - back
}

// later drops the first bytes.
type later struct {
	to   io.Writer
	drop int64
}

func (l *later) Write(p []byte) (int, error) {
	n := min(l.drop, int64(len(p)))
	l.drop -= n
	if int(n) == len(p) {
		return len(p), nil
	}
	_, err := l.to.Write(p[n:])
	return len(p), err
}
