package router

import (
	"errors"
	"math"
	"sync/atomic"
	"time"
)

// gate is a front's state while net/http's server serves it. Read gives out
// what was checked, and nothing else:
//
//	head ─► body                             ─► next head
//	     └► chunk ─► data ─► its end ─► chunk … trailer ─┘
//
// What is refused between two requests becomes a request of its own, that only
// the router knows; what is refused within one is an error of reading it.
type gate struct {
	stage   stage
	cleared int64 // bytes that Read may give out before it looks again
	left    int64 // of the chunk
	total   int64 // of a body in chunks, and of a trailer, so far
	raw     atomic.Bool
	refused atomic.Pointer[refusal] // a request
	broken  atomic.Pointer[refusal] // the rest of one
}

// stage is what Read looks at next.
type stage int

const (
	atHead stage = iota
	atBody
	atChunk
	atData
	atDataEnd
	atTrailer
	atNext
	atEnd
)

const (
	mostLine    = 256      // bytes of a chunk's size and its extensions
	mostTrailer = 16 << 10 // bytes
)

var (
	errFraming  = errors.New("the body's chunks are not framed in a way that all would understand")
	errTooLarge = errors.New("the body is over what is taken here")
	errTold     = errors.New("the connection is over")
)

// Read gives out what was checked.
func (f *front) Read(p []byte) (int, error) {
	g := &f.gate
	for g.cleared == 0 {
		if err := f.clear(); err != nil {
			return 0, err
		}
	}
	p = p[:min(int64(len(p)), g.cleared)]
	var n int
	var err error
	if f.at < f.end {
		n = copy(p, f.buf[f.at:f.end])
		f.at += n
	} else {
		n, err = f.Conn.Read(p)
	}
	if g.cleared -= int64(n); g.raw.Load() {
		g.cleared = math.MaxInt64
	}
	return n, err
}

// clear looks at what comes next.
func (f *front) clear() error {
	g := &f.gate
	switch {
	case g.raw.Load():
		g.cleared = math.MaxInt64
		return nil
	case g.stage == atNext:
		if err := f.await(time.Time{}); err != nil || g.raw.Load() {
			return err
		}
		if f.head.refusal.code != 0 {
			f.tell(f.head.refusal)
			return nil
		}
		g.stage = atHead
		return nil
	case g.stage == atHead:
		f.clearHead()
		return nil
	case g.stage == atBody:
		g.cleared, g.stage = f.head.length, atNext
		return nil
	case g.stage == atData:
		g.cleared, g.stage = g.left, atDataEnd
		return nil
	case g.stage == atEnd:
		return errTold
	}
	line, err := f.line()
	if err == nil {
		g.cleared = int64(len(line) + 2)
		err = f.clearLine(line)
	}
	switch {
	case errors.Is(err, errFraming):
		f.garble(refusal{400, "the request's body is not framed in a way that all would understand"})
	case errors.Is(err, errTooLarge):
		f.garble(refusal{413, f.router.tooLarge()})
	default:
		return err
	}
	return nil
}

// garble ends a body in a way that net/http refuses. An error of reading would
// say that the client is gone.
func (f *front) garble(why refusal) {
	g := &f.gate
	g.broken.Store(&why)
	f.buf = append(f.buf[:0], "\x00\x00\r\n\r\n"...)
	f.at, f.end = 0, len(f.buf)
	g.cleared, g.stage = int64(f.end), atEnd
}

func (f *front) clearHead() {
	g := &f.gate
	g.cleared, g.total = int64(f.head.size), 0
	switch {
	case f.head.chunked:
		g.stage = atChunk
	case f.head.length > 0:
		g.stage = atBody
	default:
		g.stage = atNext
	}
}

func (f *front) clearLine(line []byte) error {
	g := &f.gate
	switch g.stage {
	case atChunk:
		size, ok := chunkSize(line)
		if !ok {
			return errFraming
		}
		g.left, g.stage = size, atData
		if size == 0 {
			g.total, g.stage = 0, atTrailer
		}
		if g.total += size; g.total > f.router.mostBody {
			return errTooLarge
		}
	case atDataEnd:
		if len(line) > 0 {
			return errFraming
		}
		g.stage = atChunk
	case atTrailer:
		if g.total += int64(len(line)); g.total > mostTrailer {
			return errFraming
		}
		if len(line) == 0 {
			g.stage = atNext
			return nil
		}
		var h head
		if hosts := 0; !h.parseField(line, &hosts) {
			return errFraming
		}
	default:
	}
	return nil
}

// line is the next line of a body, without its end, still in the buffer.
func (f *front) line() ([]byte, error) {
	most := mostLine
	if f.gate.stage == atTrailer {
		most = mostTrailer
	}
	for {
		text := f.buf[f.at:f.end]
		for i, c := range text {
			if c != '\n' {
				continue
			}
			if i == 0 || text[i-1] != '\r' || i > most {
				return nil, errFraming
			}
			return text[:i-1], nil
		}
		if len(text) > most {
			return nil, errFraming
		}
		if err := f.more(time.Time{}, false); err != nil {
			return nil, err
		}
	}
}

// chunkSize reads a chunk's size. Extensions are words that nobody uses; what
// could end a line to somebody is refused.
func chunkSize(line []byte) (size int64, ok bool) {
	i := 0
	for ; i < len(line) && classes[line[i]]&isHex != 0; i++ {
		c := line[i] | 0x20
		if c >= 'a' {
			c -= 'a' - 10 - '0'
		}
		size = size<<4 | int64(c-'0')
	}
	if i == 0 || i > 15 {
		return 0, false
	}
	if i < len(line) && line[i] != ';' {
		return 0, false
	}
	for _, c := range line[i:] {
		if c < ' ' || c >= 0x7f {
			return 0, false
		}
	}
	return size, true
}

// tell has net/http's server ask the router for the answer to what is refused.
func (f *front) tell(why refusal) {
	g := &f.gate
	g.refused.Store(&why)
	f.client.sending.Store(true)
	f.buf = append(f.buf[:0], refusedVerb+" / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"...)
	f.at, f.end = 0, len(f.buf)
	g.cleared, g.stage = int64(f.end), atEnd
}
