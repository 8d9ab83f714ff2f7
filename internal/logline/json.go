package logline

import (
	"bytes"
	"encoding/json"
	"strings"
)

// fields calls f with the fields of a JSON object, in their order and as they are
// written, until f says that it is enough or the text is over, which need not be
// complete. What is no JSON ends it.
func fields(text []byte, f func(key, value []byte) (more bool)) {
	at := 1 // after {
	for {
		at = skip(text, at, " \t\r\n,")
		end := stringEnd(text, at)
		if end < 0 {
			return
		}
		key := text[at+1 : end-1]
		at = skip(text, end, " \t\r\n:")
		end = valueEnd(text, at)
		if end < 0 || !f(key, text[at:end]) {
			return
		}
		at = end
	}
}

func skip(text []byte, at int, what string) int {
	for at < len(text) && strings.IndexByte(what, text[at]) >= 0 {
		at++
	}
	return at
}

// stringEnd is behind the string that begins at at; -1 where none does, or it has
// no end.
func stringEnd(text []byte, at int) int {
	if at >= len(text) || text[at] != '"' {
		return -1
	}
	for at++; at < len(text); at++ {
		switch text[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return -1
}

// valueEnd is behind the value that begins at at; -1 where it has no end.
func valueEnd(text []byte, at int) int {
	if at >= len(text) {
		return -1
	}
	switch text[at] {
	case '"':
		return stringEnd(text, at)
	case '{', '[':
		return nestEnd(text, at)
	}
	n := bytes.IndexAny(text[at:], ",}] \t\r\n")
	if n < 1 {
		return -1
	}
	return at + n
}

func nestEnd(text []byte, at int) int {
	depth := 0
	for at < len(text) {
		switch text[at] {
		case '"':
			if at = stringEnd(text, at); at < 0 {
				return -1
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return at + 1
			}
		}
		at++
	}
	return -1
}

// bare is a value without its quotes.
func bare(value []byte) []byte {
	if len(value) >= 2 && value[0] == '"' {
		return value[1 : len(value)-1]
	}
	return value
}

// plain is what a JSON string says; of another value, nothing.
func plain(value []byte) string {
	var s string
	if json.Unmarshal(value, &s) != nil {
		return ""
	}
	return s
}

// jsonLevel is the level of a line that is a JSON object.
func jsonLevel(text []byte) Level {
	l := Unknown
	fields(text, func(key, value []byte) bool {
		switch string(key) {
		case "level", "Level", "LEVEL", "lvl", "@l", "@level", "severity", "SeverityText", "severity_text", "severityText",
			"levelname", "level_name", "log_level", "loglevel", "logLevel", "log.level":
			if of := valued(bare(value)); of != Unknown {
				l = of
			}
			return l != Error && l != Warning
		case "log": // ECS, nested
			if value[0] == '{' {
				l = max(l, jsonLevel(value))
			}
		}
		return true
	})
	return l
}

// record is what a structured line says beside its level.
type record struct{ message, err, stack string }

// jsonRecord is what a JSON object says, by the names that loggers give to it.
func jsonRecord(text []byte) (r record) {
	fields(text, func(key, value []byte) bool {
		switch string(key) {
		case "msg", "message", "event", "short_message", "@m", "@mt", "@message", "body":
			first(&r.message, plain(value))
		case "error", "err", "exception", "exc", "error.message", "cause":
			if value[0] == '{' {
				r.nested(value)
			} else {
				first(&r.err, plain(value))
			}
		case "stack", "stack_trace", "stacktrace", "exc_info", "exc_text", "@x", "error.stack_trace", "exception.stacktrace":
			first(&r.stack, plain(value))
		}
		return true
	})
	return r
}

// nested takes in an error that is an object, as pino and ECS have it.
func (r *record) nested(value []byte) {
	var class, message string
	fields(value, func(key, value []byte) bool {
		switch string(key) {
		case "type", "name", "class":
			first(&class, plain(value))
		case "message", "msg":
			first(&message, plain(value))
		case "stack", "stack_trace":
			first(&r.stack, plain(value))
		}
		return true
	})
	if class != "" && message != "" {
		message = class + ": " + message
	}
	first(&r.err, message)
}

func first(to *string, s string) {
	if *to == "" {
		*to = s
	}
}

// about is the error that a record tells of, in one line.
func (r record) about() string {
	if e := exceptionOf(r.stack); e != "" {
		return e
	}
	message, err := strings.TrimSpace(r.message), strings.TrimSpace(r.err)
	switch {
	case err == "" || strings.Contains(message, err):
		return firstLine(message)
	case message == "":
		return firstLine(err)
	}
	return firstLine(message) + ": " + firstLine(err)
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}
