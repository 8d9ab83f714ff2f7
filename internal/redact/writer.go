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
	blank  bool
}

// Writer hides in what goes to w.
func (s *Set) Writer(w io.Writer) *Writer {
	if s == nil {
		s = &Set{}
	}
	return &Writer{set: s, to: w}
}

// Blanker hides in what goes to w by overwriting, so that every other byte stays
// where it was.
func (s *Set) Blanker(w io.Writer) *Writer {
	b := s.Writer(w)
	b.blank = true
	return b
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
	if n == 0 {
		return nil
	}
	var out bytes.Buffer
	at, masked := 0, w.masked
	if w.blank {
		overwrite(w.held[:min(n, masked)])
	}
	for _, s := range spans {
		if s.from >= n {
			break
		}
		if w.blank {
			masked = max(masked, s.to)
			overwrite(w.held[s.from:min(s.to, n)])
			continue
		}
		if s.from >= masked {
			out.Write(w.held[max(at, masked):s.from])
			out.WriteString(Mask)
			at = s.from
		}
		masked = max(masked, s.to)
	}
	switch rest := max(at, masked); {
	case w.blank:
		out.Write(w.held[:n])
	case rest < n:
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

func overwrite(text []byte) {
	for i := range text {
		text[i] = '*'
	}
}
