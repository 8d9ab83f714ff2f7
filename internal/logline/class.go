package logline

import (
	"bytes"
	"encoding/hex"
	"hash/fnv"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/slipway-cd/slipway"
)

// ClassID is the same for errors that differ in numbers, quoted names, addresses
// and paths alone.
func ClassID(text string) string {
	h := fnv.New64a()
	_, _ = h.Write(normal(text)) // a hash takes everything
	return hex.EncodeToString(h.Sum(nil))
}

// Title is a text as people may be shown it: in one line, of printable characters,
// not too long.
func Title(text string) string {
	var b strings.Builder
	n, blank := 0, false
	for _, c := range strings.TrimSpace(text) {
		if unicode.IsSpace(c) || c == utf8.RuneError || !unicode.IsPrint(c) {
			blank = b.Len() > 0
			continue
		}
		if n++; blank {
			n++
		}
		if n >= slipway.MaxErrorTitle {
			b.WriteRune('…')
			break
		}
		if blank {
			b.WriteByte(' ')
			blank = false
		}
		b.WriteRune(c)
	}
	return b.String()
}

// longestNormal is how much of a text tells classes apart.
const longestNormal = 300

// normal is a text without what differs from one error of a class to the next.
func normal(text string) []byte {
	in := []byte(text)
	in = in[:min(len(in), longestText)]
	out := make([]byte, 0, longestNormal)
	for at := 0; at < len(in) && len(out) < longestNormal; {
		c := in[at]
		switch {
		case c == '"' || c == '`' || c == '\'' && (at == 0 || !isWord(in[at-1])):
			if end := quoteEnd(in, at); end > 0 {
				out = append(out, c, c)
				at = end
				continue
			}
			out = append(out, c)
			at++
		case isPiece(c):
			end := at + 1
			for end < len(in) && isPiece(in[end]) {
				end++
			}
			if bytes.Contains(in[at:end], []byte("://")) {
				for end < len(in) && in[end] > ' ' && strings.IndexByte("\"'<>)]}", in[end]) < 0 {
					end++
				}
			}
			out = piece(out, in[at:end])
			at = end
		case c <= ' ':
			if len(out) > 0 && out[len(out)-1] != ' ' {
				out = append(out, ' ')
			}
			at++
		default:
			out = append(out, c)
			at++
		}
	}
	return bytes.TrimSpace(out)
}

// quoteEnd is behind the quotes that begin at at; 0 where they have no end.
func quoteEnd(in []byte, at int) int {
	for end := at + 1; end < len(in); end++ {
		if in[end] == '\\' {
			end++
		} else if in[end] == in[at] && (in[at] != '\'' || end+1 == len(in) || !isWord(in[end+1])) {
			return end + 1
		}
	}
	return 0
}

// isPiece holds for what numbers, addresses, paths and words are made of.
func isPiece(c byte) bool {
	return isWord(c) || c == '.' || c == '-' || c == ':' || c == '/' || c == '@' || c == '+' || c == '%' || c == '~' || c == '$' || c == '\\' || c == '*' || c == '?' || c == '&'
}

// piece adds what is between two blanks, commas or brackets: # for what is an
// address, a path or a moment, and for each word that has a digit.
func piece(out, p []byte) []byte {
	end := len(p)
	for end > 0 && (p[end-1] == ':' || p[end-1] == '.' || p[end-1] == '?') {
		end--
	}
	tail := p[end:]
	if p = p[:end]; isAddress(p) {
		return append(number(out), tail...)
	}
	for at := 0; at < len(p); {
		if !isWord(p[at]) {
			out = append(out, p[at])
			at++
			continue
		}
		end := at + 1
		for end < len(p) && isWord(p[end]) {
			end++
		}
		word := p[at:end]
		if isException(word) || !slices.ContainsFunc(word, isDigit) {
			out = append(out, word...)
		} else {
			out = number(out)
		}
		at = end
	}
	return append(out, tail...)
}

// number adds #, once for several in a row: a list is of the class of a longer
// one.
func number(out []byte) []byte {
	end := len(out)
	if end > 0 && out[end-1] == ' ' {
		end--
	}
	if end > 0 && (out[end-1] == ',' || out[end-1] == '-' || out[end-1] == '.') {
		end--
	}
	if end > 0 && out[end-1] == '#' {
		return out[:end]
	}
	return append(out, '#')
}

// isAddress reports whether p is a URL, a path, somebody's address, or made of
// hexadecimal digits and what stands between these in UUIDs, moments and network
// addresses.
func isAddress(p []byte) bool {
	if bytes.Contains(p, []byte("://")) || len(p) > 1 && p[0] == '/' && bytes.IndexByte(p[1:], '/') >= 0 || bytes.IndexByte(p, '@') > 0 {
		return true
	}
	if slash := bytes.IndexAny(p, `/\`); slash >= 0 && bytes.IndexByte(p[slash:], '.') > 0 { // src/pay/charge.go
		return true
	}
	digits, hex := 0, 0
	for _, c := range p {
		switch {
		case isDigit(c):
			digits++
		case c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' || c == 'x':
			hex++
		case c != '-' && c != ':' && c != '.' && c != '+' && c != 'T' && c != 'Z' && c != '%':
			return false
		}
	}
	return digits > 0 || hex >= 16
}
