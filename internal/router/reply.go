package router

import "bytes"

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
	i := 0
	for i < len(line) && classes[line[i]]&isToken != 0 {
		i++
	}
	if i == 0 || i == len(line) || line[i] != ':' || len(a.fields) == mostFields {
		a.odd = true
		return
	}
	f := field{name: line[:i], value: bytes.Trim(line[i+1:], " \t")}
	for _, c := range f.value {
		if c < ' ' && c != '\t' || c == 0x7f {
			a.odd = true
			return
		}
	}
	a.meaning(&f)
	a.fields = append(a.fields, f)
}

func (a *reply) meaning(f *field) {
	switch f.name[0] | 0x20 {
	case 'c':
		switch {
		case is(f.name, "content-length"):
			f.kind = hop
			a.readLength(f.value)
		case is(f.name, "connection"):
			f.kind = hop
			switch {
			case is(f.value, "close"):
				a.last = true
			case !is(f.value, "keep-alive"):
				a.odd = true
			}
		}
	case 'd':
		a.date = a.date || is(f.name, "date")
	case 'k':
		if is(f.name, "keep-alive") {
			f.kind = hop
		}
	case 'p':
		if is(f.name, "proxy-connection") || is(f.name, "proxy-authenticate") || is(f.name, "proxy-authorization") {
			f.kind = hop
		}
	case 's':
		if is(f.name, "set-cookie") {
			f.kind = cookie
		}
	case 't':
		switch {
		case is(f.name, "transfer-encoding"):
			f.kind = hop
			a.odd = a.odd || a.chunked || !is(f.value, "chunked")
			a.chunked = true
		case is(f.name, "te"):
			f.kind = hop
		case is(f.name, "trailer"):
			a.odd = true
		}
	case 'u':
		a.odd = a.odd || is(f.name, "upgrade")
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
func (a *reply) bodyless() bool { return a.code == 204 || a.code == 304 }
