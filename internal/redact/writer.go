package redact

import (
	"bytes"
	"io"
)

// Writer hides in what is written through it, wherever writes begin and end: the
// result depends on the whole text alone. It holds back only what may yet turn
// out to be the beginning of a secret, which never goes beyond the end of a line.
type Writer struct {
	set    *Set
	to     io.Writer
	held   []byte
	masked int // bytes at the start of held that a mask stands for already
}

// Writer hides in what goes to w.
func (s *Set) Writer(w io.Writer) *Writer {
	if s == nil {
		s = &Set{}
	}
	return &Writer{set: s, to: w}
}

// Write takes all of p.
func (w *Writer) Write(p []byte) (int, error) {
	w.held = append(w.held, p...)
	spans, undecided := w.set.find(w.held)
	return len(p), w.release(spans, undecided)
}

// Flush lets go of what was held back: no more will follow.
func (w *Writer) Flush() error {
	spans, _ := w.set.find(w.held)
	return w.release(spans, len(w.held))
}

// release passes on the first n bytes of what is held, less what is hidden.
// Spans that begin there are complete; those that overlap become one.
func (w *Writer) release(spans []span, n int) error {
	var out bytes.Buffer
	at, masked := 0, w.masked
	for _, s := range spans {
		if s.from >= n {
			break
		}
		if s.from >= masked {
			out.Write(w.held[max(at, masked):s.from])
			out.WriteString(Mask)
			at = s.from
		}
		masked = max(masked, s.to)
	}
	if rest := max(at, masked); rest < n {
		out.Write(w.held[rest:n])
	}
	w.masked = max(masked-n, 0)
	w.held = append(w.held[:0], w.held[n:]...)
	if out.Len() == 0 {
		return nil
	}
	_, err := w.to.Write(out.Bytes())
	return err
}
