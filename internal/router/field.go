package router

import (
	"bytes"
	"strconv"
)

// field is one line of a head or of a trailer, as it came.
type field struct {
	name, value []byte
	kind        fieldKind
}

// fieldKind is what becomes of a field on its way.
type fieldKind byte

const (
	passed fieldKind = iota
	hop              // between two neighbours, or what the router says itself
	connection
	cookie // Cookie of a request, Set-Cookie of an answer
	trace
	marked // retryHeader
)

// parseField reads one line, which is not empty. why is what is wrong with it, in
// words for whoever sent it in a request; "" when nothing is.
func parseField(line []byte) (d field, why string) {
	i := 0
	for i < len(line) && classes[line[i]]&isToken != 0 {
		i++
	}
	switch {
	case i > 0 && i < len(line) && line[i] == ':':
	case line[0] == ' ' || line[0] == '\t':
		return d, "a field of the request's header is folded over lines"
	default:
		return d, "a line of the request's header is not NAME: VALUE"
	}
	d = field{name: line[:i], value: bytes.Trim(line[i+1:], " \t")}
	for _, c := range d.value {
		if c < ' ' && c != '\t' || c == 0x7f {
			return d, "a field of the request's header has a control character in it"
		}
	}
	return d, ""
}

// kindOf is what becomes of a field of a request.
func kindOf(name []byte) fieldKind {
	switch {
	case is(name, "connection"):
		return connection
	case isHop(name):
		return hop
	}
	switch name[0] | 0x20 {
	case 'c':
		if is(name, "cookie") {
			return cookie
		}
	case 'e':
		if is(name, "expect") {
			return hop
		}
	case 'f':
		if is(name, "forwarded") {
			return hop
		}
	case 'h':
		if is(name, "host") || is(name, "http2-settings") {
			return hop
		}
	case 's':
		if is(name, "slipway-retry") {
			return marked
		}
	case 't':
		if is(name, "traceparent") || is(name, "tracestate") {
			return trace
		}
	case 'x':
		if is(name, "x-real-ip") || len(name) >= 12 && is(name[:12], "x-forwarded-") {
			return hop
		}
	}
	return passed
}

// answerKind is what becomes of a field of an answer.
func answerKind(name []byte) fieldKind {
	switch {
	case isHop(name):
		return hop
	case is(name, "set-cookie"):
		return cookie
	}
	return passed
}

// isHop reports whether a field is between two neighbours only, whichever of
// them says it.
func isHop(name []byte) bool {
	switch name[0] | 0x20 {
	case 'c':
		return is(name, "connection") || is(name, "content-length")
	case 'k':
		return is(name, "keep-alive")
	case 'p':
		return is(name, "proxy-connection") || is(name, "proxy-authorization") || is(name, "proxy-authenticate")
	case 't':
		return is(name, "te") || is(name, "trailer") || is(name, "transfer-encoding")
	case 'u':
		return is(name, "upgrade")
	}
	return false
}

// forClient reports whether a field of an answer goes on to the client: what is
// between two neighbours does not, nor what would sign it in to the pages.
func (d field) forClient() bool {
	return d.kind != hop && (d.kind != cookie || !isSession(string(d.value)))
}

func appendField(out []byte, f field) []byte {
	out = append(out, f.name...)
	out = append(out, ": "...)
	out = append(out, f.value...)
	return append(out, crlf...)
}

func appendLength(out []byte, n int64) []byte {
	return append(strconv.AppendInt(append(out, "Content-Length: "...), n, 10), crlf...)
}

// is reports whether name is the given lower-case name, in any case.
func is(name []byte, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i := range len(lower) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// classes say what a byte may be part of.
var classes = func() (t [256]byte) {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	const digits = "0123456789"
	for class, all := range map[byte]string{
		isToken: letters + digits + "!#$%&'*+-.^_`|~",
		isPath:  letters + digits + "-._~!$&'()*+,;=:@/",
		isQuery: letters + digits + "-._~!$&'()*+,;=:@/?\"<>[]\\^`{|}",
		isHost:  letters + digits + "-._:[]",
		isHex:   digits + "abcdefABCDEF",
	} {
		for i := range len(all) {
			t[all[i]] |= class
		}
	}
	return t
}()

const (
	isToken = 1 << iota
	isPath
	isQuery
	isHost
	isHex
)
