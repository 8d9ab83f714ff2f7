package logline

import (
	"bytes"
	"strings"
)

// kind is what an event that may go on is.
type kind int

const (
	nothing kind = iota
	aLine        // that says how bad it is
	goTrace      // panic: … and goroutines
	python       // Traceback, files, exception
	frames       // an exception and the places that it went through: Java, JavaScript, .NET, Ruby
	rust         // thread … panicked at
)

// mostLines is how many lines of one event are taken for its own, whatever they
// look like.
const mostLines = 5000

var (
	traceback = []byte("Traceback (most recent call last):")
	serving   = []byte("http: panic serving ")
	panicked  = []byte("' panicked at ")
	causedBy  = []byte("Caused by: ")
	atFrame   = []byte("at ")
	fromFrame = []byte("from ")
)

// beginsTrace says which trace a line begins.
func beginsTrace(line []byte) kind {
	if len(line) < 8 {
		return nothing
	}
	switch line[0] {
	case 'p':
		if bytes.HasPrefix(line, []byte("panic: ")) {
			return goTrace
		}
	case 'f':
		if bytes.HasPrefix(line, []byte("fatal error: ")) {
			return goTrace
		}
	case 't':
		if bytes.HasPrefix(line, []byte("thread '")) && bytes.Contains(line, panicked) {
			return rust
		}
	}
	near := line[:min(len(line), 100)]
	switch {
	case bytes.Contains(near, traceback):
		return python
	case bytes.Contains(near, serving):
		return goTrace
	}
	return nothing
}

// isFrame reports whether a line is a place that an exception went through.
func isFrame(line []byte) bool {
	if !isIndented(line) {
		return false
	}
	rest := bytes.TrimLeft(line, " \t")
	return bytes.HasPrefix(rest, atFrame) || line[0] == '\t' && bytes.HasPrefix(rest, fromFrame)
}

func isIndented(line []byte) bool { return len(line) > 0 && (line[0] == ' ' || line[0] == '\t') }

// exceptionAt is where an exception is named in the beginning of a line, as
// Class: message, as Class alone, or as message (Class); -1 where none is.
func exceptionAt(line []byte) int {
	near := line[:min(len(line), nearby)]
	for at := 0; at < len(near); {
		if !isLetter(near[at]) {
			at++
			continue
		}
		end, last := at, at // last is where the class's own name begins
		for end < len(near) && (isWord(near[end]) || near[end] == '.' || near[end] == '$' || near[end] == '\\') {
			if !isWord(near[end]) {
				last = end + 1
			}
			end++
		}
		if last < end && near[last] >= 'A' && near[last] <= 'Z' && isException(near[last:end]) {
			switch rest := near[end:]; {
			case len(rest) == 0, rest[0] == ':', bytes.HasPrefix(rest, []byte(" [")):
				return at
			case string(rest) == ")": // Ruby has it at the end
				return 0
			}
		}
		at = end
	}
	return -1
}

func isException(name []byte) bool {
	return bytes.HasSuffix(name, []byte("Error")) || bytes.HasSuffix(name, []byte("Exception")) || bytes.HasSuffix(name, []byte("Throwable"))
}

// exceptionOf is the exception that a stack in one text tells of: of Java the
// innermost cause, of Python the last.
func exceptionOf(stack string) string {
	if stack == "" {
		return ""
	}
	var found string
	isPython := strings.Contains(stack[:min(len(stack), nearby)], string(traceback))
	n := 0
	for line := range strings.Lines(stack) {
		line := []byte(strings.TrimRight(line, "\r\n"))
		switch {
		case len(line) == 0 || isIndented(line):
		case bytes.HasPrefix(line, causedBy):
			found = string(line[len(causedBy):])
		case isPython && !bytes.Contains(line, traceback) && !betweenTracebacks(line):
			found = string(line)
		case n == 0:
			if at := exceptionAt(line); at >= 0 {
				found = string(line[at:])
			}
		}
		n++
	}
	return found
}

func betweenTracebacks(line []byte) bool {
	return bytes.HasPrefix(line, []byte("During handling of the above exception")) || bytes.HasPrefix(line, []byte("The above exception was"))
}

// isOfGo reports whether a line goes on with a panic: places, goroutines, causes,
// registers.
func isOfGo(line []byte) bool {
	if len(line) == 0 || isIndented(line) || line[0] == '[' {
		return true
	}
	for _, begin := range []string{"goroutine ", "created by ", "runtime", "exit status ", "..."} {
		if bytes.HasPrefix(line, []byte(begin)) {
			return true
		}
	}
	if line[len(line)-1] == ')' { // main.(*server).handle(0xc000123, {0x1, 0x2})
		open := bytes.LastIndexByte(line[:bytes.IndexByte(line, ')')+1], '(')
		if star := bytes.Index(line, []byte("(*")); star >= 0 {
			open = star
		}
		return open > 0 && bytes.IndexByte(line[:open], ' ') < 0
	}
	name, rest, ok := bytes.Cut(line, []byte(" ")) // rax    0x0
	return ok && len(name) <= 6 && bytes.HasPrefix(bytes.TrimLeft(rest, " "), []byte("0x"))
}
