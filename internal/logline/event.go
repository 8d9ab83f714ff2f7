package logline

import (
	"bytes"
	"strings"
)

// begin looks at a line that goes on with nothing.
func (r *Reader) begin(line []byte, whole bool, from int64) {
	if len(line) == 0 {
		r.ago++
		return
	}
	if k := beginsTrace(line); k != nothing {
		r.start(event{kind: k, level: Error, text: r.traceText(k, line, whole), from: from})
		return
	}
	if isFrame(line) {
		r.comeFrom()
		return
	}
	l, form := levelOf(line)
	switch l {
	case Error:
		r.start(event{kind: aLine, level: l, text: r.textOf(line, form, whole), form: form, from: from})
	case Warning:
		r.start(event{kind: aLine, level: l, form: form, from: from})
	case Fine:
		r.forget()
	case Unknown:
		r.remember(line, whole, from)
	}
}

func (r *Reader) start(e event) {
	r.open = e
	r.forget()
}

// form is how a line is written.
type form int

const (
	inWords form = iota
	inJSON
	inPairs
)

func levelOf(line []byte) (Level, form) {
	if line[0] == '{' {
		return jsonLevel(line), inJSON
	}
	if l := pairsLevel(line); l != Unknown {
		return l, inPairs
	}
	l, _ := wordsLevel(line)
	return l, inWords
}

// textOf is what a line says that is an error by itself.
func (r *Reader) textOf(line []byte, f form, whole bool) string {
	text := r.hide(line, whole)
	var about string
	switch f {
	case inJSON:
		about = jsonRecord([]byte(text)).about()
	case inPairs:
		about = pairsRecord([]byte(text)).about()
	case inWords:
		if exceptionAt([]byte(text)) == 0 {
			return text
		}
		_, end := wordsLevel([]byte(text))
		about = strings.TrimSpace(strings.TrimLeft(text[end:], " \t:|>)]!-"))
	}
	if about == "" {
		return text
	}
	return about
}

// traceText is what the first line of a trace says that it is about.
func (r *Reader) traceText(k kind, line []byte, whole bool) string {
	if k == python {
		return ""
	}
	text := r.hide(line, whole)
	if _, after, ok := strings.Cut(text, string(serving)); ok { // 127.0.0.1:1234: what
		if _, what, ok := strings.Cut(after, ": "); ok {
			return "panic: " + what
		}
	}
	if k == rust {
		if _, what, ok := strings.Cut(text, string(panicked)); ok {
			return "panic: " + strings.TrimSuffix(what, ":")
		}
	}
	return text
}

// recent is a line that may turn out to be an exception, once it is seen where
// that came through.
type recent struct {
	line  []byte
	whole bool
	from  int64
}

func (l *recent) set(line []byte, whole bool, from int64) {
	l.line = append(l.line[:0], line[:min(len(line), longestText)]...)
	l.whole, l.from = whole && len(line) <= longestText, from
}

func (r *Reader) remember(line []byte, whole bool, from int64) {
	if isIndented(line) {
		return
	}
	r.last.set(line, whole, from)
	r.ago++
	if exceptionAt(line) >= 0 {
		r.threw.set(line, whole, from)
		r.ago = 0
	}
}

func (r *Reader) forget() {
	r.last.line, r.ago = r.last.line[:0], mostBetween+1
}

// comeFrom begins the trace of which a line is the first place.
func (r *Reader) comeFrom() {
	about := r.threw
	if r.ago > mostBetween {
		about = r.last
	}
	if len(about.line) > 0 { // else it is not known of what
		r.start(event{kind: frames, level: Error, text: r.exceptionIn(about.line, about.whole), from: about.from})
	}
}

// exceptionIn is a line from where it names an exception.
func (r *Reader) exceptionIn(line []byte, whole bool) string {
	text := r.hide(line, whole)
	return text[max(0, exceptionAt([]byte(text))):]
}

// causeIn is what a line says that begins with Caused by.
func (r *Reader) causeIn(line []byte, whole bool) string {
	return strings.TrimPrefix(r.hide(line, whole), string(causedBy))
}

// goesOn reports whether a line belongs to the event that is open.
func (r *Reader) goesOn(line []byte, whole bool) bool {
	e := &r.open
	switch e.kind {
	case aLine:
		return r.lineGoesOn(line, whole)
	case goTrace:
		return isOfGo(line)
	case python:
		return r.pythonGoesOn(line, whole)
	case frames:
		return r.framesGoOn(line, whole)
	case rust:
		if e.lines == 1 && len(line) > 0 && !bytes.HasPrefix(line, []byte("note: ")) && !strings.Contains(e.text, `"`) && !strings.Contains(e.text, "'") {
			e.text = "panic: " + r.hide(line, whole)
			return true
		}
		return isIndented(line) || bytes.HasPrefix(line, []byte("note: ")) || bytes.HasPrefix(line, []byte("stack backtrace:"))
	case nothing:
	}
	return false
}

// lineGoesOn: after a line that is an error or a warning may come the trace of
// the exception that it is about, or more text, which is indented. JSON has all of
// that in one line.
func (r *Reader) lineGoesOn(line []byte, whole bool) bool {
	e := &r.open
	switch {
	case len(line) == 0 || e.form == inJSON:
		return false
	case beginsTrace(line) == python:
		e.kind = python
	case isFrame(line):
		e.kind = frames
		if e.exception != "" {
			e.text = e.exception
		} else if at := exceptionAt([]byte(e.text)); at >= 0 {
			e.text = e.text[at:]
		}
	case bytes.HasPrefix(line, causedBy):
		e.text = r.causeIn(line, whole)
	case isIndented(line):
		if e.lines == 1 && strings.HasSuffix(e.text, "]") { // .NET: fail: Category[7], and the message in the next line
			e.text += " " + r.hide(bytes.TrimSpace(line), whole)
		}
	default:
		if l, _ := levelOf(line); l != Unknown || e.exception != "" || exceptionAt(line) < 0 {
			return false
		}
		e.exception = r.exceptionIn(line, whole)
	}
	return true
}

func (r *Reader) pythonGoesOn(line []byte, whole bool) bool {
	e := &r.open
	switch {
	case len(line) == 0 || isIndented(line) || line[0] == '|' || line[0] == '+':
	case betweenTracebacks(line):
		e.told = false
	case !e.told && bytes.Contains(line, traceback):
	case !e.told:
		e.text, e.told = r.hide(line, whole), true
	default:
		return false
	}
	return true
}

func (r *Reader) framesGoOn(line []byte, whole bool) bool {
	switch {
	case bytes.HasPrefix(line, causedBy):
		r.open.text = r.causeIn(line, whole)
	case len(line) == 0, !isIndented(line) && line[0] != '}' && line[0] != ']':
		return false
	}
	return true
}
