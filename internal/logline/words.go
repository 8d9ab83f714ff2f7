package logline

import "bytes"

// A level is a word near the beginning of a line: within so many bytes, and with
// no more words before it, numbers not counted.
const (
	nearby    = 256
	mostWords = 8
)

// wordsLevel is the level that a line without structure says it has, and where
// the word for that ends. Capital letters are believed; others only where a
// column or brackets show that a level is meant.
func wordsLevel(line []byte) (l Level, end int) {
	if l, end := prefixLevel(line); l != Unknown {
		return l, end
	}
	near := line[:min(len(line), nearby)]
	words := 0
	for at := 0; at < len(near); {
		if !isWord(near[at]) {
			at++
			continue
		}
		end := at + 1
		for end < len(near) && isWord(near[end]) {
			end++
		}
		if isLetter(near[at]) {
			if l := named(near[at:end]); l != Unknown && isMeant(near, at, end, words) {
				return l, end
			}
			if words++; words > mostWords {
				break
			}
		}
		at = end
	}
	return Unknown, 0
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isWord holds for what words are made of; what is not ASCII is no end of one.
func isWord(c byte) bool { return isLetter(c) || isDigit(c) || c == '_' || c >= 0x80 }

// isMeant reports whether the word from at to end is a level and not a part of
// what is said.
func isMeant(line []byte, at, end, words int) bool {
	before, after := byte('\n'), byte('\n')
	if at > 0 {
		before = line[at-1]
	}
	rest := line[end:]
	if before == '[' { // [error    ]
		rest = bytes.TrimLeft(rest, " ")
	}
	if len(rest) > 0 {
		after = rest[0]
	}
	switch {
	case isCapital(line[at:end]):
		inPath := before == '/' || before == '.' && after != ':' || after == '/' && before != ' '
		return !inPath && before != '-' && after != '-' && after != '='
	case words == 0 && after == ':': // error: no space left
		return true
	case before == '[' || before == '<' || before == '(' || before == ':' && after == ']':
		return after == ']' || after == '>' || after == ')'
	case before == '\t' || before == '|':
		return after == '\t' || after == '|'
	}
	return false
}

func isCapital(word []byte) bool {
	for _, c := range word {
		if c >= 'a' && c <= 'z' {
			return false
		}
	}
	return true
}

// prefixLevel knows the formats whose level is no word: klog (E0102 15:04:05),
// the kernel's (<3>) and PHP's (PHP Warning:).
func prefixLevel(line []byte) (l Level, end int) {
	switch {
	case len(line) > 5 && line[5] == ' ' && isDigit(line[1]) && isDigit(line[2]) && isDigit(line[3]) && isDigit(line[4]) &&
		bytes.IndexByte([]byte("IWEF"), line[0]) >= 0:
		end = 5
		if at := bytes.Index(line[:min(len(line), nearby)], []byte("] ")); at > 0 {
			end = at + 1
		}
		return lettered(line[0]), end
	case len(line) > 3 && line[0] == '<' && isDigit(line[1]) && line[2] == '>':
		return syslog(int(line[1] - '0')), 3
	case bytes.HasPrefix(line, []byte("PHP ")):
		kind, _, ok := bytes.Cut(line[4:min(len(line), 40)], []byte(":"))
		switch {
		case !ok:
		case bytes.HasSuffix(kind, []byte("error")):
			return Error, 4 + len(kind)
		case bytes.HasSuffix(kind, []byte("Warning")):
			return Warning, 4 + len(kind)
		default:
			return Fine, 4 + len(kind)
		}
	}
	return Unknown, 0
}
