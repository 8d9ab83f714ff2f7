package agent

import (
	"bytes"
	"cmp"
	"io"
	"slices"
)

const (
	mask        = "[REDACTED]"
	shortSecret = 6 // shorter values are words: hiding them would hide the log
)

// redactor replaces secrets in what is written through it, wherever writes
// begin and end: the result depends on the whole text alone. It holds back only
// what may yet turn out to be the beginning of a secret.
type redactor struct {
	to      io.Writer
	secrets [][]byte
	held    []byte
	masked  int // bytes at the start of held that a mask stands for already
}

func newRedactor(to io.Writer, secrets []string) *redactor {
	r := &redactor{to: to}
	for _, s := range secrets {
		for line := range bytes.Lines([]byte(s)) { // of a key in several lines, each
			if line = bytes.TrimSpace(line); len(line) >= shortSecret {
				r.secrets = append(r.secrets, line)
			}
		}
	}
	return r
}

// Write takes all of p.
func (r *redactor) Write(p []byte) (int, error) {
	r.held = append(r.held, p...)
	return len(p), r.release(r.undecided())
}

// Flush lets go of what was held back: no more will follow.
func (r *redactor) Flush() error { return r.release(len(r.held)) }

// span is a piece of held text that is a secret, or several that overlap.
type span struct{ from, to int }

// release passes on the first n bytes of what is held, less the secrets. Those
// that begin there are all complete.
func (r *redactor) release(n int) error {
	var out bytes.Buffer
	at, masked := 0, r.masked
	for _, s := range r.spans() {
		if s.from >= n {
			break
		}
		if s.from >= masked {
			out.Write(r.held[max(at, masked):s.from])
			out.WriteString(mask)
			at = s.from
		}
		masked = max(masked, s.to)
	}
	if rest := max(at, masked); rest < n {
		out.Write(r.held[rest:n])
	}
	r.masked = max(masked-n, 0)
	r.held = append(r.held[:0], r.held[n:]...)
	if out.Len() == 0 {
		return nil
	}
	_, err := r.to.Write(out.Bytes())
	return err
}

// spans finds every secret in what is held, sorted by where they begin.
func (r *redactor) spans() []span {
	var all []span
	for _, s := range r.secrets {
		for from := 0; ; from++ {
			i := bytes.Index(r.held[from:], s)
			if i < 0 {
				break
			}
			from += i
			all = append(all, span{from, from + len(s)})
		}
	}
	slices.SortFunc(all, func(a, b span) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to)) })
	return all
}

// undecided is where the end of what is held may be the beginning of a secret.
func (r *redactor) undecided() int {
	least := len(r.held)
	for _, s := range r.secrets {
		for n := min(len(s)-1, len(r.held)); n > 0; n-- {
			if bytes.HasSuffix(r.held, s[:n]) {
				least = min(least, len(r.held)-n)
				break
			}
		}
	}
	return least
}
