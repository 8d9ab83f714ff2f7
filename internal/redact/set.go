package redact

import (
	"bytes"
	"encoding/binary"
)

// Mask stands for what is hidden.
const Mask = "[REDACTED]"

// Shortest is the length from which values are hidden: shorter ones are words,
// and to hide them would hide the text.
const Shortest = 6

// Set is what is to be hidden. It may be used by many goroutines. A nil Set
// hides nothing.
type Set struct {
	patterns map[uint64][][]byte // by their first bytes
	begins   map[string]bool     // what is shorter than that and begins one
	filter   [1 << 10]uint64     // bits of the hashes of the keys, so that most places cost no more than a look
	longest  int
}

// New makes a Set of values. Those that are shorter than [Shortest] are left
// out.
func New(values ...[]byte) *Set {
	s := &Set{patterns: map[uint64][][]byte{}, begins: map[string]bool{}}
	for _, v := range values {
		for _, p := range forms(v) {
			s.add(p)
		}
	}
	return s
}

// Longest is the length of the longest text that is looked for.
func (s *Set) Longest() int {
	if s == nil {
		return 0
	}
	return s.longest
}

func (s *Set) add(p []byte) {
	if len(p) < Shortest {
		return
	}
	k := key(p)
	for _, known := range s.patterns[k] {
		if bytes.Equal(known, p) {
			return
		}
	}
	s.patterns[k] = append(s.patterns[k], p)
	h := hash(k)
	s.filter[h>>6] |= 1 << (h & 63)
	for n := 1; n < Shortest; n++ {
		s.begins[string(p[:n])] = true
	}
	s.longest = max(s.longest, len(p))
}

// key is made of the first Shortest bytes of p.
func key(p []byte) uint64 {
	return uint64(binary.BigEndian.Uint32(p))<<16 | uint64(binary.BigEndian.Uint16(p[4:]))
}

func hash(k uint64) uint64 { return (k * 0x9E3779B97F4A7C15) >> 48 }

// span is a piece of text that is to be hidden.
type span struct{ from, to int }

// find lists what is to be hidden in text, the longest from each place, sorted
// by where they begin. From undecided on the text may hold the beginning of what
// is not complete.
func (s *Set) find(text []byte) (spans []span, undecided int) {
	undecided = len(text)
	for at := range text {
		rest := text[at:]
		if len(rest) < Shortest {
			if s.begins[string(rest)] {
				return spans, min(undecided, at)
			}
			continue
		}
		k := key(rest)
		if h := hash(k); s.filter[h>>6]&(1<<(h&63)) == 0 {
			continue
		}
		longest := 0
		for _, p := range s.patterns[k] {
			switch {
			case len(p) > len(rest):
				if bytes.HasPrefix(p, rest) {
					undecided = min(undecided, at)
				}
			case len(p) > longest && bytes.HasPrefix(rest, p):
				longest = len(p)
			}
		}
		if longest > 0 {
			spans = append(spans, span{at, at + longest})
		}
	}
	return spans, undecided
}

// Text hides in one text.
func (s *Set) Text(text string) string {
	if s == nil || len(s.patterns) == 0 {
		return text
	}
	var out bytes.Buffer
	w := s.Writer(&out)
	_, _ = w.Write([]byte(text)) // a buffer takes everything
	_ = w.Flush()
	return out.String()
}

// Head hides in the beginning of a longer text. What may be the beginning of a
// secret at its end is left out.
func (s *Set) Head(text string) string {
	if s == nil || len(s.patterns) == 0 {
		return text
	}
	var out bytes.Buffer
	_, _ = s.Writer(&out).Write([]byte(text)) // a buffer takes everything
	return out.String()
}
