package redact

import (
	"bytes"
	"errors"
	"io"
)

// Reader hides in what comes from r. It closes r.
func (s *Set) Reader(r io.ReadCloser) io.ReadCloser {
	if s == nil || len(s.patterns) == 0 {
		return r
	}
	out := new(bytes.Buffer)
	return &reader{from: r, out: out, through: s.Writer(out), block: make([]byte, 32<<10)}
}

type reader struct {
	from    io.ReadCloser
	through *Writer
	out     *bytes.Buffer
	block   []byte
	err     error
}

func (r *reader) Read(p []byte) (int, error) {
	for r.out.Len() == 0 && r.err == nil {
		n, err := r.from.Read(r.block)
		_, _ = r.through.Write(r.block[:n]) // a buffer takes everything
		if r.err = err; errors.Is(err, io.EOF) {
			_ = r.through.Flush()
		}
	}
	if r.out.Len() == 0 {
		return 0, r.err
	}
	return r.out.Read(p)
}

func (r *reader) Close() error { return r.from.Close() }
