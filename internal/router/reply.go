package router

import (
	"bytes"
	"net/http"
)

// reply is the head of an instance's answer, as it came. Its slices point into
// the connection's buffer.
type reply struct {
	size    int // bytes, the empty line included; 0: not whole yet
	code    int
	status  []byte // 200 OK
	fields  []field
	length  int64 // -1: not said
	chunked bool
	last    bool // the instance closes after it
	date    bool // it has one
	odd     bool // net/http is to read it
}

// parse reads the head that text begins with. What is not plain is odd: it is
// read again by net/http, which knows all that was ever allowed.
func (a *reply) parse(text []byte) {
	*a = reply{fields: a.fields[:0], length: -1}
	end := bytes.Index(text, crlf2)
	if end < 0 {
		return
	}
	a.size = end + len(crlf2)
	line, rest, _ := bytes.Cut(text[:end+2], crlf)
	if len(line) < len("HTTP/1.1 200 ") || string(line[:9]) != "HTTP/1.1 " || line[12] != ' ' {
		a.odd = true
		return
	}
	a.status = line[9:]
	for _, c := range line[9:12] {
		if c < '0' || c > '9' {
			a.odd = true
			return
		}
		a.code = a.code*10 + int(c-'0')
	}
	for _, c := range a.status {
		a.odd = a.odd || c < ' ' || c == 0x7f
	}
	a.odd = a.odd || a.code < 200
	for len(rest) > 0 && !a.odd {
		line, rest, _ = bytes.Cut(rest, crlf)
		a.parseField(line)
	}
	if a.bodyless() {
		return
	}
	a.odd = a.odd || a.chunked == (a.length >= 0) // read until its end, or framed twice
}

var (
	crlf  = []byte("\r\n")
	crlf2 = []byte("\r\n\r\n")
)

func (a *reply) parseField(line []byte) {
	f, why := parseField(line)
	if why != "" || len(a.fields) == mostFields {
		a.odd = true
		return
	}
	f.kind = answerKind(f.name)
	a.meaning(f)
	a.fields = append(a.fields, f)
}

// meaning reads what the router itself has to understand.
func (a *reply) meaning(f field) {
	switch {
	case f.kind == passed:
		a.date = a.date || is(f.name, "date")
	case f.kind != hop:
	case is(f.name, "content-length"):
		a.readLength(f.value)
	case is(f.name, "connection"):
		a.last = a.last || is(f.value, "close")
		a.odd = a.odd || !is(f.value, "close") && !is(f.value, "keep-alive")
	case is(f.name, "transfer-encoding"):
		a.odd = a.odd || a.chunked || !is(f.value, "chunked")
		a.chunked = true
	case is(f.name, "trailer"), is(f.name, "upgrade"):
		a.odd = true
	}
}

func (a *reply) readLength(value []byte) {
	var h head
	h.length = -1
	if a.length >= 0 || !h.parseLength(value) {
		a.odd = true
		return
	}
	a.length = h.length
}

// bodyless reports whether an answer of this kind never has a body.
func (a *reply) bodyless() bool { return bodyless(a.code) }

func bodyless(code int) bool {
	return code == http.StatusNoContent || code == http.StatusNotModified
}
