package router

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/slipway-cd/slipway"
)

// What the router itself says to instances: who asked, by which name, over what,
// and in which trace. A client cannot choose these words.

// appendForwarding says who asked in the fields that programs read.
func appendForwarding(out []byte, from string, host []byte, proto string) []byte {
	out = append(out, "X-Forwarded-For: "...)
	out = append(out, from...)
	out = append(out, "\r\nX-Forwarded-Host: "...)
	out = append(out, host...)
	out = append(out, "\r\nX-Forwarded-Proto: "...)
	out = append(out, proto...)
	out = append(out, "\r\nForwarded: "...)
	out = appendForwarded(out, from, host, proto)
	return append(out, crlf...)
}

// appendForwarded is the value of the field of RFC 7239.
func appendForwarded(out []byte, from string, host []byte, proto string) []byte {
	out = append(out, "for="...)
	if strings.IndexByte(from, ':') >= 0 {
		out = append(append(append(out, `"[`...), from...), `]"`...)
	} else {
		out = append(out, from...)
	}
	if len(host) > 0 {
		out = appendQuoted(append(out, ";host="...), host)
	}
	return append(append(out, ";proto="...), proto...)
}

func appendQuoted(out, value []byte) []byte {
	plain := true
	for _, c := range value {
		plain = plain && classes[c]&isToken != 0
	}
	if plain {
		return append(out, value...)
	}
	out = append(out, '"')
	for _, c := range value {
		if c == '"' || c == '\\' {
			out = append(out, '\\')
		}
		out = append(out, c)
	}
	return append(out, '"')
}

// tell sets the same in a header, whatever the client wrote there.
func tell(h http.Header, from, host, proto string) {
	for name := range h {
		if strings.HasPrefix(name, "X-Forwarded-") || name == "X-Real-Ip" || name == "Forwarded" {
			delete(h, name)
		}
	}
	h["X-Forwarded-For"] = []string{from}
	h["X-Forwarded-Host"] = []string{host}
	h["X-Forwarded-Proto"] = []string{proto}
	h["Forwarded"] = []string{string(appendForwarded(nil, from, []byte(host), proto))}
	if parents := h["Traceparent"]; len(parents) != 1 || !isTraceparent([]byte(parents[0])) {
		h["Traceparent"] = []string{string(appendTraceparent(nil))}
		h.Del("Tracestate")
	}
}

const traceparentSize = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")

// appendTraceparent begins a trace (W3C Trace Context, version 00). It is marked
// as sampled: whoever follows the mark of its caller would otherwise record
// nothing of what enters here.
func appendTraceparent(out []byte) []byte {
	var ids [24]byte
	for i := 0; i < len(ids); i += 8 {
		n := rand.Uint64() | 1 // no ID is all zeros
		for j := range 8 {
			ids[i+j] = byte(n >> (8 * j))
		}
	}
	out = append(out, "00-"...)
	out = hex.AppendEncode(out, ids[:16])
	out = append(out, '-')
	out = hex.AppendEncode(out, ids[16:])
	return append(out, "-01"...)
}

// isTraceparent reports whether a caller's trace can be gone on with. Later
// versions may be longer.
func isTraceparent(v []byte) bool {
	if len(v) < traceparentSize || string(v[:2]) == "ff" || string(v[:2]) == "00" && len(v) > traceparentSize {
		return false
	}
	if len(v) > traceparentSize && v[traceparentSize] != '-' {
		return false
	}
	trace, span := byte(0), byte(0)
	for i, c := range v[:traceparentSize] {
		switch {
		case i == 2 || i == 35 || i == 52:
			if c != '-' {
				return false
			}
		case classes[c]&isHex == 0 || c >= 'A' && c <= 'F':
			return false
		case i > 2 && i < 35:
			trace |= c ^ '0'
		case i > 35 && i < 52:
			span |= c ^ '0'
		}
	}
	return trace != 0 && span != 0
}

// appendCookies sends a Cookie field on, without the cookie that signs a browser
// in to the pages.
func appendCookies(out []byte, f field) []byte {
	if !bytes.Contains(f.value, []byte(slipway.SessionCookie)) {
		return appendField(out, f)
	}
	h := http.Header{"Cookie": {string(f.value)}}
	keepSession(h)
	for _, line := range h["Cookie"] {
		out = append(append(append(out, "Cookie: "...), line...), crlf...)
	}
	return out
}

// appendText is a whole answer of the router's own.
func (d *dates) appendText(out []byte, code int, text, fields string) []byte {
	out = append(out, "HTTP/1.1 "...)
	out = strconv.AppendInt(out, int64(code), 10)
	out = append(append(out, ' '), http.StatusText(code)...)
	out = append(out, "\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n"...)
	out = append(out, fields...)
	out = d.append(out)
	out = append(appendLength(out, int64(len(text)+1)), crlf...)
	return append(append(out, text...), '\n')
}

// dates makes a Date field once a second.
type dates struct{ last atomic.Pointer[date] }

type date struct {
	second int64
	line   string
}

func (d *dates) append(out []byte) []byte {
	now := time.Now()
	last := d.last.Load()
	if last == nil || last.second != now.Unix() {
		last = &date{now.Unix(), "Date: " + now.UTC().Format(http.TimeFormat) + "\r\n"}
		d.last.Store(last)
	}
	return append(out, last.line...)
}
