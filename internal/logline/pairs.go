package logline

import (
	"bytes"
	"strconv"
)

// levelKeys are looked for in lines of key=value.
var levelKeys = [][]byte{[]byte("level="), []byte("lvl="), []byte("severity=")}

// pairsLevel is the level of a line of key=value, wherever in its beginning the
// level stands.
func pairsLevel(line []byte) Level {
	line = line[:min(len(line), nearby)]
	if bytes.IndexByte(line, '=') < 0 {
		return Unknown
	}
	for _, key := range levelKeys {
		at := bytes.Index(line, key)
		if at < 0 || at > 0 && line[at-1] != ' ' && line[at-1] != '\t' {
			continue
		}
		value := line[at+len(key):]
		if len(value) > 0 && value[0] == '"' {
			value = value[1:]
		}
		if end := bytes.IndexAny(value, " \t\""); end >= 0 {
			value = value[:end]
		}
		if l := valued(value); l != Unknown {
			return l
		}
	}
	return Unknown
}

// pairsRecord is what a line of key=value says, by the names that loggers give to
// it.
func pairsRecord(line []byte) (r record) {
	for len(line) > 0 {
		line = bytes.TrimLeft(line, " \t")
		eq := bytes.IndexAny(line, "= \t")
		if eq < 0 {
			break
		}
		if line[eq] != '=' { // a word
			line = line[eq:]
			continue
		}
		key := string(line[:eq])
		var value string
		value, line = pairValue(line[eq+1:])
		switch key {
		case "msg", "message", "event":
			first(&r.message, value)
		case "err", "error", "exception", "cause":
			first(&r.err, value)
		}
	}
	return r
}

// pairValue cuts a value off that may stand in quotes.
func pairValue(text []byte) (value string, rest []byte) {
	if end := stringEnd(text, 0); end > 0 {
		s, err := strconv.Unquote(string(text[:end]))
		if err != nil {
			s = string(text[1 : end-1])
		}
		return s, text[end:]
	}
	end := bytes.IndexAny(text, " \t")
	if end < 0 {
		end = len(text)
	}
	return string(text[:end]), text[end:]
}
