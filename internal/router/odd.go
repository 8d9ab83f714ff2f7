package router

import (
	"errors"
	"io"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

// bringOdd passes an answer on that is not plain: interim ones before it, a
// length that only its end tells, trailers, fields folded over lines. net/http
// reads it.
func (f *front) bringOdd(c *conn) {
	fl := &f.flight
	res, err := f.readOdd(c)
	if err != nil {
		_ = c.Close()
		f.fail(err)
		return
	}
	defer func() { _ = res.Body.Close() }()
	fl.answered(res.StatusCode)
	if goesOn(res) {
		fl.endpoint.settle(fl, time.Now())
	}
	f.out = f.appendOdd(f.out[:0], res)
	chunked := res.ContentLength < 0 && bodyAllowed(f.head.method, res.StatusCode)
	if err = f.flush(); err == nil && bodyAllowed(f.head.method, res.StatusCode) {
		err = f.copyOdd(res, chunked)
	}
	if err != nil {
		fl.truncated = !fl.gone.Load()
		_ = c.Close()
		return
	}
	fl.completed = true
	f.keep(c, res.Close)
}

// readOdd reads up to the final answer, and passes interim ones on.
func (f *front) readOdd(c *conn) (*http.Response, error) {
	req := &http.Request{Method: string(f.head.method)}
	c.header = mostHeader
	for {
		res, err := http.ReadResponse(c.br, req)
		if err != nil {
			return nil, err
		}
		switch code := res.StatusCode; {
		case code == http.StatusSwitchingProtocols:
			return nil, errors.New("the instance switched protocols unasked")
		case code == http.StatusContinue: // nobody waits for it
		case code < http.StatusOK:
			f.out = append(appendFields(appendStatus(f.out[:0], res), res.Header), crlf...)
			if err := f.flush(); err != nil {
				return nil, err
			}
		default:
			c.header = -1
			return res, nil
		}
	}
}

func appendStatus(out []byte, res *http.Response) []byte {
	out = append(out, "HTTP/1.1 "...)
	out = strconv.AppendInt(out, int64(res.StatusCode), 10)
	return append(append(append(out, ' '), http.StatusText(res.StatusCode)...), crlf...)
}

// appendFields sends fields on, without those that end here.
func appendFields(out []byte, h http.Header) []byte {
	dropHops(h)
	refuseSession(h)
	for name, values := range h {
		for _, v := range values {
			out = appendField(out, field{name: []byte(name), value: []byte(v)})
		}
	}
	return out
}

func (f *front) appendOdd(out []byte, res *http.Response) []byte {
	dated := res.Header.Get("Date") != ""
	out = appendFields(appendStatus(out, res), res.Header)
	switch {
	case res.StatusCode == http.StatusNoContent:
	case res.ContentLength >= 0:
		out = appendLength(out, res.ContentLength)
	case bodyAllowed(f.head.method, res.StatusCode):
		out = append(out, "Transfer-Encoding: chunked\r\n"...)
		for name := range res.Trailer {
			out = append(append(append(out, "Trailer: "...), name...), crlf...)
		}
	}
	return f.appendEnd(out, dated)
}

func (f *front) copyOdd(res *http.Response, chunked bool) error {
	buf := buffers.Get()
	defer buffers.Put(buf)
	for {
		n, err := res.Body.Read(buf)
		if n > 0 {
			if chunked {
				f.out = appendChunk(f.out[:0], buf[:n])
			} else {
				f.out = append(f.out[:0], buf[:n]...)
			}
			if err := f.flush(); err != nil {
				return err
			}
		}
		if err == io.EOF { // a clean end is never wrapped
			break
		}
		if err != nil {
			return err
		}
	}
	if !chunked {
		return nil
	}
	f.out = append(f.out[:0], "0\r\n"...)
	f.out = append(appendFields(f.out, res.Trailer), crlf...)
	return f.flush()
}

func bodyAllowed(method []byte, code int) bool {
	return string(method) != http.MethodHead && !bodyless(code)
}

// dropHops takes out what is between two neighbours only, and what Connection
// names.
func dropHops(h http.Header) {
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			h.Del(textproto.TrimString(name))
		}
	}
	for name := range h {
		if isHop([]byte(name)) {
			delete(h, name)
		}
	}
}
