package logline

import "bytes"

// Bounds of what is kept of a program's output.
const (
	longestLine = 16 << 10 // of a longer line, the rest is not looked at
	longestText = 2 << 10  // of what an event is about
	mostBetween = 10       // lines between an exception and where it went through
)

// Event is a warning or an error that a program has printed, with all its lines.
type Event struct {
	Level Level
	Text  string // what an error is about, in one line that may hold anything; without secrets
}

// Reader finds the events in a program's output, which is written to it as it
// comes. It never fails, and keeps no more than is bounded.
type Reader struct {
	hide  func(text []byte, whole bool) string
	found func(Event)

	read  int64  // bytes
	begun int64  // where the line starts that is not complete
	line  []byte // what is kept of that
	clean []byte // a line without colours

	open  event
	last  recent // line that says nothing of a level
	threw recent // of these, that names an exception
	ago   int    // lines since that; above mostBetween: there was none
}

// event is one that may go on with the next line.
type event struct {
	kind      kind
	level     Level
	form      form
	text      string // so far
	exception string // the line before: if places follow, it is about that
	from      int64
	lines     int
	told      bool // of a Python trace: the exception was seen
}

// NewReader returns a Reader that hands each event to found. hide takes the
// secrets out of a text; of one that is not whole, what may be the beginning of
// one at its end, too.
func NewReader(hide func(text []byte, whole bool) string, found func(Event)) *Reader {
	return &Reader{hide: hide, found: found, ago: mostBetween + 1}
}

// Write takes all of p.
func (r *Reader) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			r.keep(p)
			r.read += int64(len(p))
			break
		}
		line := p[:end]
		if r.read > r.begun {
			r.keep(line)
			line = r.line
		}
		whole := r.read-r.begun+int64(end) <= longestLine
		r.take(line[:min(len(line), longestLine)], whole, r.begun)
		r.read += int64(end) + 1
		r.begun, r.line = r.read, r.line[:0]
		p = p[end+1:]
	}
	return n, nil
}

func (r *Reader) keep(p []byte) {
	r.line = append(r.line, p[:min(len(p), longestLine-len(r.line))]...)
}

// Settled is how many bytes need not be read again by another Reader: all but
// what may go on.
func (r *Reader) Settled() int64 {
	if r.open.kind != nothing {
		return r.open.from
	}
	return r.begun
}

// Pause says that nothing has come for a while: what may go on does not.
func (r *Reader) Pause() { r.close() }

// End says that nothing will come any more.
func (r *Reader) End() {
	if r.read > r.begun {
		_, _ = r.Write([]byte{'\n'})
	}
	r.close()
}

func (r *Reader) take(line []byte, whole bool, from int64) {
	line = bytes.TrimRight(r.uncoloured(line), "\r")
	if r.open.kind != nothing {
		if r.open.lines++; r.open.lines <= mostLines && r.goesOn(line, whole) {
			return
		}
		r.close()
	}
	r.begin(line, whole, from)
}

func (r *Reader) close() {
	e := r.open
	r.open = event{}
	switch {
	case e.kind == nothing:
	case e.level == Error:
		text := r.hide([]byte(e.text), true) // it may have been escaped in the line
		r.found(Event{Error, text[:min(len(text), longestText)]})
	default:
		r.found(Event{Level: e.level})
	}
}

// uncoloured is a line without escape sequences.
func (r *Reader) uncoloured(line []byte) []byte {
	at := bytes.IndexByte(line, 0x1b)
	if at < 0 {
		return line
	}
	r.clean = append(r.clean[:0], line[:at]...)
	for at < len(line) {
		if line[at] != 0x1b {
			r.clean = append(r.clean, line[at])
			at++
			continue
		}
		if at++; at < len(line) && line[at] == '[' {
			for at++; at < len(line) && (line[at] < '@' || line[at] > '~'); at++ {
			}
		}
		at++
	}
	return r.clean
}
