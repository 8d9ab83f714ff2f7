package router

import (
	"bytes"
	"strings"
)

// head is a request's line and fields, as they came. Its slices point into the
// buffer that it was read to, and are good until the next read.
//
// parse is stricter than net/http: what two readers could understand in two ways
// is refused here, before anybody else reads it. What passes reads the same
// there; a fuzz test holds that.
type head struct {
	size    int // bytes, the empty line included
	method  []byte
	target  []byte
	host    []byte
	fields  []field
	length  int64 // of the body; -1: not said
	chunked bool
	old     bool // HTTP/1.0
	last    bool // the client closes after the answer
	odd     bool // for net/http's server to serve
	again   bool // a second attempt, of whoever asks
	hops    bool // Connection names fields that are not for the instance
	refusal refusal
}

// refusal is why a request is not taken; zero: it is.
type refusal struct {
	code int
	text string
}

const (
	mostFields  = 256
	bodyAtOnce  = 16 << 10 // bytes; a bigger body streams
	refusedVerb = "SLIPWAY-REFUSED"
)

// parse reads the head that text begins with. It returns false when there is no
// end of it yet.
func (h *head) parse(text []byte) bool {
	*h = head{fields: h.fields[:0], length: -1}
	line, rest, whole := h.line(text)
	if !whole {
		return h.refusal.code != 0
	}
	if !h.parseLine(line) {
		return true
	}
	hosts := 0
	for {
		line, rest, whole = h.line(rest)
		if !whole {
			return h.refusal.code != 0
		}
		if len(line) == 0 {
			break
		}
		if !h.parseField(line, &hosts) {
			return true
		}
	}
	h.size = len(text) - len(rest)
	h.judge(hosts)
	return true
}

// line is the next line of text without its end, and what follows it. Only CRLF
// ends a line, and nothing else of it may look like an end to others.
func (h *head) line(text []byte) (line, rest []byte, whole bool) {
	i := bytes.IndexByte(text, '\n')
	if i < 0 {
		return nil, nil, false
	}
	if i == 0 || text[i-1] != '\r' {
		h.refuse(400, "a line of the request's header ends in LF alone")
		return nil, nil, false
	}
	return text[:i-1], text[i+1:], true
}

func (h *head) refuse(code int, text string) bool {
	if h.refusal.code == 0 {
		h.refusal = refusal{code, text}
	}
	return false
}

func (h *head) parseLine(line []byte) bool {
	a := bytes.IndexByte(line, ' ')
	b := bytes.LastIndexByte(line, ' ')
	if a <= 0 || b <= a+1 {
		return h.refuse(400, "the request's first line is not METHOD TARGET HTTP/1.1")
	}
	h.method, h.target = line[:a], line[a+1:b]
	switch string(line[b+1:]) {
	case "HTTP/1.1":
	case "HTTP/1.0":
		h.old, h.odd = true, true
	default:
		return h.refuse(505, "this speaks HTTP/1.1, and HTTP/2")
	}
	for _, c := range h.method {
		if classes[c]&isToken == 0 {
			return h.refuse(400, "the request's method is no word")
		}
	}
	if string(h.method) == refusedVerb {
		return h.refuse(400, "the request's method is not for others")
	}
	if !plainMethod(h.method) {
		h.odd = true
	}
	return h.parseTarget()
}

// parseTarget tells targets that net/url would leave as they are from those that
// net/http should see to.
func (h *head) parseTarget() bool {
	t := h.target
	if t[0] != '/' {
		h.odd = true
	}
	allowed := byte(isPath)
	for i := range len(t) {
		c := t[i]
		if c <= ' ' || c == 0x7f {
			return h.refuse(400, "the request's target has a space or a control character in it")
		}
		if classes[c]&allowed != 0 {
			continue
		}
		switch {
		case c == '?':
			allowed = isQuery
		case c == '%' && i+2 < len(t) && classes[t[i+1]]&isHex != 0 && classes[t[i+2]]&isHex != 0:
		default:
			h.odd = true
		}
	}
	return true
}

func (h *head) parseField(line []byte, hosts *int) bool {
	f, why := parseField(line)
	switch {
	case why != "":
		return h.refuse(400, why)
	case len(h.fields) == mostFields:
		return h.refuse(431, "the request's header has over 256 fields")
	case !h.meaning(&f, hosts):
		return false
	}
	h.fields = append(h.fields, f)
	return true
}

// meaning reads what the router itself has to understand.
func (h *head) meaning(f *field, hosts *int) bool {
	f.kind = kindOf(f.name)
	switch f.kind {
	case connection:
		h.connection(f.value)
	case marked:
		h.again = true
	case hop:
		switch {
		case is(f.name, "host"):
			*hosts++
			h.host = f.value
		case is(f.name, "content-length"):
			return h.parseLength(f.value)
		case is(f.name, "transfer-encoding"):
			if h.chunked || !is(f.value, "chunked") {
				return h.refuse(501, "the request's body is encoded in a way that is not understood here; chunked is")
			}
			h.chunked, h.odd = true, true
		case is(f.name, "upgrade"), is(f.name, "expect"), is(f.name, "trailer"), is(f.name, "te"):
			h.odd = true
		}
	default:
	}
	return true
}

func (h *head) parseLength(value []byte) bool {
	if h.length >= 0 {
		return h.refuse(400, "the request says its length twice")
	}
	if len(value) == 0 || len(value) > 18 {
		return h.refuse(400, "the request's Content-Length is no length")
	}
	n := int64(0)
	for _, c := range value {
		if c < '0' || c > '9' {
			return h.refuse(400, "the request's Content-Length is no length")
		}
		n = n*10 + int64(c-'0')
	}
	h.length = n
	return true
}

// connection reads the options of the connection: close, keep-alive, or names of
// fields that end here.
func (h *head) connection(value []byte) {
	for option := range strings.SplitSeq(string(value), ",") {
		option = strings.Trim(option, " \t")
		switch {
		case strings.EqualFold(option, "close"):
			h.last = true
		case option == "" || strings.EqualFold(option, "keep-alive"):
		default:
			h.hops, h.odd = true, true
		}
	}
}

// judge looks at the head as a whole.
func (h *head) judge(hosts int) {
	switch {
	case h.chunked && h.length >= 0:
		h.refuse(400, "the request says its length in two ways, Content-Length and Transfer-Encoding")
	case h.chunked && h.old:
		h.refuse(400, "HTTP/1.0 knows no Transfer-Encoding")
	case hosts > 1:
		h.refuse(400, "the request names two hosts")
	case hosts == 0 && !h.old:
		h.refuse(400, "the request names no host")
	}
	if len(h.host) == 0 {
		h.odd = true
	}
	for _, c := range h.host {
		if classes[c]&isHost == 0 {
			h.odd = true
		}
	}
	if h.length > bodyAtOnce {
		h.odd = true
	}
}

func plainMethod(m []byte) bool {
	switch string(m) {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS":
		return true
	}
	return false
}
