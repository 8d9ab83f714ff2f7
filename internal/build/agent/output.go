package agent

import (
	"fmt"
	"io"
	"sync"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/redact"
)

// output is a job's log on its way to the spool: redacted, and bounded. It may
// be written by several goroutines.
type output struct {
	mu     sync.Mutex
	redact *redact.Writer
	bound  *bounded
	spool  *spool
	failed func(error)
}

func newOutput(s *spool, secrets []string, failed func(error)) *output {
	b := &bounded{to: s, left: slipway.MaxLogBytes}
	return &output{redact: redact.New(texts(secrets)...).Writer(b), bound: b, spool: s, failed: failed}
}

func texts(secrets []string) [][]byte {
	all := make([][]byte, len(secrets))
	for i, s := range secrets {
		all[i] = []byte(s)
	}
	return all
}

// Write never fails: whoever writes must not die of a full disk here. It tells
// failed instead.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, err := o.redact.Write(p); err != nil {
		o.failed(err)
	}
	return len(p), nil
}

func (o *output) printf(format string, args ...any) { _, _ = fmt.Fprintf(o, format, args...) }

// Close ends the log.
func (o *output) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.redact.Flush(); err != nil {
		o.failed(err)
	}
	o.spool.end()
}

// bounded passes on so many bytes, and then says that it drops the rest.
type bounded struct {
	to   io.Writer
	left int
	full bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.full {
		return len(p), nil
	}
	keep := p[:min(len(p), b.left)]
	b.left -= len(keep)
	if _, err := b.to.Write(keep); err != nil {
		return 0, err
	}
	if len(keep) < len(p) {
		b.full = true
		_, err := fmt.Fprintf(b.to, "\n~~~ The log is longer than %d MiB; the rest is dropped.\n", slipway.MaxLogBytes>>20)
		return len(p), err
	}
	return len(p), nil
}
