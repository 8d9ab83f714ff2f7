package router

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
)

// The way of a plain request: no stream to the instance, no change of protocol,
// nothing that wants a second goroutine. Its head goes from buffer to buffer and
// its answer comes back the same way; what both leave behind is reused.

// outcome is what becomes of a connection after a request.
type outcome int

const (
	again    outcome = iota
	over             // the connection ends
	notTaken         // nothing was done: net/http is to serve it
)

// forward takes one plain request, whose head and body are in the buffer.
func (f *front) forward() outcome {
	r := f.router
	if isPages(f.head.host) {
		return notTaken
	}
	defer r.open.Add(-1)
	if r.open.Add(1) > r.most {
		return notTaken // to be told so
	}
	fl := &f.flight
	fl.reset(f)
	if !f.choose(fl) {
		return notTaken
	}
	f.since.Store(fl.began.UnixNano())
	defer f.finish()
	f.carry(fl)
	f.at += f.head.size + int(max(f.head.length, 0))
	fl.ended = time.Now()
	switch {
	case !fl.completed:
		_ = f.client.SetLinger(0) // a broken answer must not look whole
		return over
	case f.head.last: // and the client was told
		return over
	}
	return again
}

// finish counts what became of the request and gives back what it held.
func (f *front) finish() {
	fl := &f.flight
	f.watching.Lock()
	f.since.Store(0)
	f.watching.Unlock()
	if fl.ended.IsZero() {
		fl.ended = time.Now() // it panicked
	}
	f.router.count(fl)
	fl.land()
	fl.endpoint.release(fl)
}

// choose acquires an instance, as for any other request. It leaves to net/http's
// handler what needs more than a look at the table.
func (f *front) choose(fl *flight) bool {
	for {
		route := f.lead(f.router.table.Load())
		if route == nil || route.Sticky || route.streams { // nothing is drawn that may have to be drawn again
			return false
		}
		g := route.split().draw()
		if g == nil {
			return false
		}
		at := g.least(nil, fl.began)
		e := g.endpoints[at]
		fl.route, fl.group, fl.endpoint = route, g.id, e
		if !f.head.again {
			fl.arm = g.arm(at)
		}
		if e.acquire(fl) {
			route.traffic.enter()
			return true
		}
	}
}

func (f *front) lead(t *table) *route {
	if f.client.port != 0 {
		return t.ports[f.client.port]
	}
	return t.hosts[f.client.listener.Environment][authority(string(f.head.host))]
}

// isPages is a quick look that may be wrong about what is like the pages' name.
func isPages(host []byte) bool {
	const n = 7
	return len(host) >= n && strings.EqualFold(string(host[:n]), slipway.PagesHost[:n])
}

// carry sends the request, and once more to another instance when not a byte of
// it was sent.
func (f *front) carry(fl *flight) {
	retry := f.appendHead()
	c, err := f.send(fl)
	if err != nil && f.router.mayMove(fl, err, retry) {
		f.out = append(f.out[:len(f.out)-len(crlf)-int(max(f.head.length, 0))], retryHeader+": 1\r\n\r\n"...)
		f.out = append(f.out, f.body()...)
		c, err = f.send(fl)
	}
	if err != nil {
		f.fail(err)
		return
	}
	f.bring(c)
	fl.drop()
}

func (f *front) body() []byte {
	from := f.at + f.head.size
	return f.buf[from : from+int(max(f.head.length, 0))]
}

// appendHead makes what the instance is sent. It reports whether the request is
// a second attempt already.
func (f *front) appendHead() (retry bool) {
	h := &f.head
	out := append(f.out[:0], h.method...)
	out = append(append(out, ' '), h.target...)
	out = append(append(append(out, " HTTP/1.1\r\nHost: "...), h.host...), crlf...)
	traced := f.traced()
	for _, d := range h.fields {
		switch d.kind {
		case passed:
			out = appendField(out, d)
		case cookie:
			out = appendCookies(out, d)
		case trace:
			if traced {
				out = appendField(out, d)
			}
		case marked:
			retry = true
			out = appendField(out, d)
		default:
		}
	}
	out = appendForwarding(out, f.client.from, h.host, "http")
	if !traced {
		out = append(appendTraceparent(append(out, "Traceparent: "...)), crlf...)
	}
	if h.length >= 0 || wantsLength(string(h.method)) {
		out = appendLength(out, max(h.length, 0))
	}
	out = append(out, crlf...)
	f.noteTrace(out, traced)
	f.out = append(out, f.body()...)
	return retry
}

// wantsLength reports whether a request without a body has to say so.
func wantsLength(method string) bool {
	switch method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		return true
	}
	return false
}

// traced reports whether the client's trace can be gone on with.
func (f *front) traced() bool {
	parents := 0
	for _, d := range f.head.fields {
		if d.kind == trace && is(d.name, "traceparent") {
			if parents++; !isTraceparent(d.value) {
				return false
			}
		}
	}
	return parents == 1
}

// send writes what is in out to fl's instance and reads the head of the answer.
// A kept connection that is dead before it took a byte is replaced; nothing is
// ever sent twice.
func (f *front) send(fl *flight) (*conn, error) {
	for {
		c := fl.endpoint.idle.take(fl.began)
		fresh := c == nil
		if fresh {
			var err error
			if c, err = fl.endpoint.connect(context.Background(), fl); err != nil {
				return nil, err
			}
		}
		if !fl.hold(c) {
			_ = c.Close()
			return nil, errCut
		}
		if n, err := c.Conn.Write(f.out); err != nil {
			f.abandon(c)
			switch {
			case n > 0:
				return nil, err
			case !fresh:
				continue // one idle connection fewer: this ends with a fresh one
			}
			return nil, &unsentError{err}
		}
		if err := f.receive(c); err != nil {
			f.abandon(c)
			return nil, err
		}
		return c, nil
	}
}

// receive reads the head of the answer, if it is plain.
func (f *front) receive(c *conn) error {
	c.header = mostHeader
	f.answer.size, f.answer.odd = 0, false
	if _, err := c.br.Peek(1); err != nil {
		return err
	}
	for {
		text, _ := c.br.Peek(c.br.Buffered())
		if bytes.Contains(text, crlf2) {
			f.answer.parse(text)
			break
		}
		if len(text) == c.br.Size() || bytes.Contains(text, []byte("\n\n")) {
			f.answer.odd = true
			break
		}
		if _, err := c.br.Peek(len(text) + 1); err != nil {
			return err
		}
	}
	return nil
}

func (f *front) abandon(c *conn) {
	f.flight.drop()
	_ = c.Close()
}

// fail answers for an instance that did not.
func (f *front) fail(err error) {
	fl := &f.flight
	if fl.clientGone() && !fl.wasCut() {
		return
	}
	fl.failed = true
	v := f.router.verdict(fl, err)
	fl.status = v.code
	fields := ""
	if v.wait {
		fields += "Retry-After: 1\r\n"
	}
	if v.last || f.leaving() {
		f.head.last = true
	}
	if f.head.last {
		fields += "Connection: close\r\n"
	}
	f.out = f.router.dates.appendText(f.out[:0], v.code, v.text, fields)
	if string(f.head.method) == http.MethodHead {
		f.out = f.out[:len(f.out)-len(v.text)-1]
	}
	_, werr := f.Write(f.out)
	fl.completed = werr == nil
}

func (f *front) leaving() bool { return f.router.hall.leaving.Load() }
